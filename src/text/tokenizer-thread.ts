import { Worker } from 'node:worker_threads';
import { DiptychError, restoredError } from '../errors.js';
import type { ModelDescription } from '../models/card.js';
import type { EncodedTexts, EncodeReply, EncodeRequest, TextEncoding } from './tokens.js';
import type { LongText } from './types.js';

interface Pending {
  readonly resolve: (encoded: EncodedTexts) => void;
  readonly reject: (error: DiptychError) => void;
}

/** The worker of one tokenizer, while it lives. */
class TokenizerWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onEnd: () => void;
  #nextId = 0;

  constructor(description: ModelDescription, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL('./tokenizer-worker.js', import.meta.url), { workerData: description });
    // An idle tokenizer must not keep the process alive.
    this.#worker.unref();
    const input = description.name;
    this.#worker.on('message', (reply: EncodeReply) => {
      if (reply.type === 'encoded') this.#settle(reply.id)?.resolve(reply.encoded);
      else this.#end(restoredError(reply));
    });
    this.#worker.once('error', (cause: Error) => {
      this.#end(
        new DiptychError('SESSION_FAILED', `the tokenizer's thread failed: ${cause.message}`, {
          input,
          cause,
        }),
      );
    });
    this.#worker.once('exit', () => {
      this.#end(new DiptychError('CLOSED', 'the model was closed', { input }));
    });
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
    return pending;
  }

  #end(error: DiptychError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#onEnd();
  }

  encode(texts: readonly string[], longText: LongText): Promise<EncodedTexts> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, texts, longText } satisfies EncodeRequest);
    });
  }

  /** Nothing native runs there, so that it may be ended at any moment. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The tokenizer of a model in a thread of its own, started at first use; a failed start is tried again at the next. */
export class TokenizerThread implements TextEncoding {
  readonly #description: ModelDescription;
  #worker: TokenizerWorker | null = null;
  #closed = false;

  constructor(description: ModelDescription) {
    this.#description = description;
  }

  encode(texts: readonly string[], longText: LongText): Promise<EncodedTexts> {
    if (this.#closed) {
      return Promise.reject(
        new DiptychError('CLOSED', 'the model was closed', { input: this.#description.name }),
      );
    }
    if (this.#worker === null) {
      const worker = new TokenizerWorker(this.#description, () => {
        if (this.#worker === worker) this.#worker = null;
      });
      this.#worker = worker;
    }
    return this.#worker.encode(texts, longText);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.close();
    this.#worker = null;
  }
}
