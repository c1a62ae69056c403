import { Worker } from 'node:worker_threads';
import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { HostTensor, RunOptions, SessionHost, SessionOptions, SessionResult } from './host.js';
import { isOutOfMemory } from './split.js';
import { BUSY, STOP, type Reply, type Request, type WorkerStart } from './protocol.js';
import { declineTelemetry } from './telemetry.js';

/** Longest wait for a run in flight when the process ends. */
const EXIT_WAIT_MS = 60_000;

/** Controls of the workers that are alive, for the exit hook. */
const live = new Set<Int32Array>();

/**
 * Ending the process while native code runs in a worker aborts it (rc 134). So at exit, no new run may start
 * and the one in flight is waited for.
 */
function waitForRuns(): void {
  for (const control of live) Atomics.store(control, STOP, 1);
  for (const control of live) Atomics.wait(control, BUSY, 1, EXIT_WAIT_MS);
}

function startWorker(): Worker {
  declineTelemetry();
  const control = new Int32Array(new SharedArrayBuffer(8));
  const workerData: WorkerStart = { control };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
  if (live.size === 0) process.on('exit', waitForRuns);
  live.add(control);
  worker.once('exit', () => {
    live.delete(control);
    if (live.size === 0) process.off('exit', waitForRuns);
  });
  return worker;
}

/** A worker that has ONNX Runtime loaded and waits for a graph. */
let spare: Worker | null = null;

/**
 * Starts the worker of the next session ahead of time, so that ONNX Runtime is loaded while the model is looked for.
 * For programs that will open one for certain.
 */
export function prepareSession(): void {
  if (spare !== null) return;
  const worker = startWorker();
  worker.unref();
  const forget = (): void => {
    if (spare === worker) spare = null;
  };
  // Whatever is wrong with it is told by the one that is started in its place.
  worker.once('error', forget);
  worker.once('exit', forget);
  spare = worker;
}

function takeWorker(): Worker {
  const worker = spare ?? startWorker();
  spare = null;
  return worker;
}

let opening = 0;

/** Opens a graph such that the memory that this takes beside the graph's own goes back to the system. */
async function trimmed<T>(open: () => Promise<T>): Promise<T> {
  if (opening++ === 0) native().keepLargeBlocksApart(true);
  try {
    return await open();
  } finally {
    if (--opening === 0) native().keepLargeBlocksApart(false);
  }
}

interface Pending {
  readonly resolve: (result: SessionResult) => void;
  readonly reject: (error: DiptychError) => void;
}

class WorkerSession implements SessionHost {
  inputNames: readonly string[] = [];
  outputNames: readonly string[] = [];
  readonly #worker: Worker;
  readonly #file: string;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #nextId = 0;
  #state: 'open' | 'closing' | 'dead' = 'open';

  private constructor(worker: Worker, file: string) {
    this.#worker = worker;
    this.#file = file;
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#end(new DiptychError('CLOSED', 'the encoder session has ended', { input: file }));
        resolve();
      });
    });
  }

  static async open(file: string, options: SessionOptions): Promise<WorkerSession> {
    const worker = takeWorker();
    const session = new WorkerSession(worker, file);
    const started = session.#start();
    worker.ref();
    worker.postMessage({ type: 'open', file, options } satisfies Request);
    await started;
    return session;
  }

  #start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (message: string): void => {
        reject(
          new DiptychError('MODEL_INVALID', `ONNX Runtime cannot open it: ${message}`, { input: this.#file }),
        );
      };
      this.#worker.once('error', (error: Error) => {
        fail(error.message);
        this.#end(new DiptychError('SESSION_FAILED', error.message, { input: this.#file, cause: error }));
      });
      this.#worker.once('exit', () => {
        fail('its thread ended before the session was ready');
      });
      this.#worker.on('message', (reply: Reply) => {
        if (reply.type === 'ready') {
          this.inputNames = reply.inputNames;
          this.outputNames = reply.outputNames;
          // An idle session must not keep the process alive.
          this.#worker.unref();
          resolve();
        } else if (reply.type === 'failed') {
          fail(reply.message);
        } else {
          this.#settle(reply);
        }
      });
    });
  }

  #settle(reply: Extract<Reply, { id: number }>): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if (pending === undefined) return;
    if (reply.type === 'result') {
      pending.resolve({ outputs: reply.outputs, returned: reply.returned, milliseconds: reply.milliseconds });
    } else {
      const code = isOutOfMemory(reply.message) ? 'OUT_OF_MEMORY' : 'SESSION_FAILED';
      pending.reject(new DiptychError(code, `the encoder failed: ${reply.message}`, { input: this.#file }));
    }
  }

  #end(error: DiptychError): void {
    this.#state = 'dead';
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  run(feeds: Readonly<Record<string, HostTensor>>, options: RunOptions): Promise<SessionResult> {
    if (this.#state !== 'open') {
      return Promise.reject(new DiptychError('CLOSED', 'the model was closed', { input: this.#file }));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      if (this.#pending.size === 1) this.#worker.ref();
      const transfer = [...new Set(Object.values(feeds).map((tensor) => tensor.data.buffer as ArrayBuffer))];
      this.#worker.postMessage(
        {
          type: 'run',
          id,
          feeds,
          outputs: options.outputs,
          fixedBatch: options.fixedBatch ?? null,
          neverAlone: options.neverAlone ?? false,
          idle: options.idle ?? [],
        },
        transfer,
      );
    });
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#worker.ref();
      this.#worker.postMessage({ type: 'close' });
    }
    await this.#exited;
  }
}

/**
 * Opens an ONNX file in a thread of its own. Throws MODEL_INVALID where ONNX Runtime cannot open it.
 */
export function openSession(file: string, options: SessionOptions): Promise<SessionHost> {
  return trimmed(() => WorkerSession.open(file, options));
}
