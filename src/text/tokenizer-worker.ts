/**
 * A tokenizer in a thread of its own: reading a vocabulary and tokenizing a window of texts would each hold the
 * event loop for tens of milliseconds.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { toDiptychError } from '../errors.js';
import type { ModelDescription } from '../models/card.js';
import { encodeTexts } from './encode-texts.js';
import { loadTokenizer } from './tokenizer.js';
import type { EncodeReply, EncodeRequest } from './tokens.js';

async function serve(port: MessagePort): Promise<void> {
  const tokenizer = await loadTokenizer(workerData as ModelDescription);
  port.on('message', ({ id, texts, longText }: EncodeRequest) => {
    const encoded = encodeTexts(tokenizer, texts, longText);
    const { ids, ends, texts: owners, truncated } = encoded;
    const reply: EncodeReply = { type: 'encoded', id, encoded };
    port.postMessage(
      reply,
      [ids, ends, owners, truncated].map(({ buffer }) => buffer as ArrayBuffer),
    );
  });
}

if (parentPort !== null) {
  const port = parentPort;
  serve(port).catch((thrown: unknown) => {
    const { code, message, input } = toDiptychError(thrown, 'MODEL_INVALID');
    port.postMessage({ type: 'failed', code, message, input } satisfies EncodeReply);
    port.close();
  });
}
