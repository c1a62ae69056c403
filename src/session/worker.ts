/**
 * One ONNX Runtime session in a thread of its own, since `create()` and `run()` hold the event loop of the
 * thread that calls them. ONNX Runtime is loaded at once, the graph when it is told which. Stopped by message only:
 * terminating a thread during a run aborts the process.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type * as Ort from 'onnxruntime-node';
import type { HostTensor, IdleTensor } from './host.js';
import { BUSY, STOP, type Reply, type Request, type WorkerStart } from './protocol.js';
import { idleTensor, rowCount, runBackingOff, runInBuckets, runSplit } from './split.js';

const start = workerData as WorkerStart;

/** Runs native code, unless the process is ending: STOP is looked at after BUSY is set, so that one side sees the other. */
async function busy<T>(work: () => Promise<T>): Promise<T> {
  Atomics.store(start.control, BUSY, 1);
  try {
    if (Atomics.load(start.control, STOP) === 1) throw new Error('the process is ending');
    return await work();
  } finally {
    Atomics.store(start.control, BUSY, 0);
    Atomics.notify(start.control, BUSY);
  }
}

function createSession(
  ort: typeof Ort,
  { file, options }: Extract<Request, { type: 'open' }>,
): Promise<Ort.InferenceSession> {
  const { device, threads, spinning } = options;
  return ort.InferenceSession.create(file, {
    executionProviders: device === 'cpu' ? ['cpu'] : [{ name: 'cuda', deviceId: device.cuda }],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // Batches differ in size: plans for each would hold a tenth more memory and save no time.
    enableMemPattern: false,
    logSeverityLevel: 3,
    // The nested form is the one the binding passes on; it wants strings.
    extra: { session: { intra_op: { allow_spinning: spinning ? '1' : '0' } } },
  });
}

function toHost(tensor: Ort.Tensor, name: string): HostTensor {
  const { type, data, dims } = tensor;
  if (type === 'float32' && data instanceof Float32Array) return { type, data, dims };
  if (type === 'float16' && data instanceof Uint16Array) return { type, data, dims };
  if (type === 'int64' && data instanceof BigInt64Array) return { type, data, dims };
  throw new Error(`output ${name} has type ${type}, which is no embedding`);
}

/** Opens the graph; the function that comes back serves all further requests. */
async function open(
  port: MessagePort,
  ort: typeof Ort,
  request: Extract<Request, { type: 'open' }>,
): Promise<(request: Request) => Promise<void>> {
  const reply = (message: Reply, transfer: ArrayBuffer[] = []): void => {
    port.postMessage(message, transfer);
  };
  const session = await busy(() => createSession(ort, request));
  reply({ type: 'ready', inputNames: session.inputNames, outputNames: session.outputNames });

  const runOnce = async (
    feeds: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
    idle: readonly IdleTensor[],
  ): Promise<Record<string, HostTensor>> => {
    const inputs: Record<string, Ort.Tensor> = {};
    for (const unused of idle) {
      const { type, data, dims } = idleTensor(unused, rowCount(feeds));
      inputs[unused.name] = new ort.Tensor(type, data as Float32Array, dims);
    }
    for (const [name, tensor] of Object.entries(feeds)) {
      inputs[name] = new ort.Tensor(tensor.type, tensor.data as Float32Array, tensor.dims);
    }
    const results = await session.run(inputs, [...outputs]);
    const named: Record<string, HostTensor> = {};
    for (const name of outputs) {
      const tensor = results[name];
      if (tensor === undefined) throw new Error(`the graph has no output ${name}`);
      named[name] = toHost(tensor, name);
    }
    return named;
  };

  /** Rows per run that memory has allowed so far. */
  const limit = { rows: Number.MAX_SAFE_INTEGER };

  const runBatch = ({
    feeds,
    outputs,
    fixedBatch,
    neverAlone,
    idle,
  }: Extract<Request, { type: 'run' }>): Promise<Record<string, HostTensor>> => {
    const once = (part: Readonly<Record<string, HostTensor>>, names: readonly string[]) =>
      runOnce(part, names, idle);
    if (fixedBatch !== null) return runSplit(feeds, outputs, fixedBatch, once);
    if (request.options.device === 'cpu' && neverAlone && rowCount(feeds) === 1) {
      return runSplit(feeds, outputs, 2, once);
    }
    const runAny = request.options.device === 'cpu' ? runBackingOff : runInBuckets;
    return runAny(feeds, outputs, limit, once);
  };

  const run = async (request: Extract<Request, { type: 'run' }>): Promise<void> => {
    const returned = Object.values(request.feeds).map((tensor) => tensor.data.buffer as ArrayBuffer);
    const began = performance.now();
    try {
      const outputs = await busy(() => runBatch(request));
      const buffers = Object.values(outputs).map((tensor) => tensor.data.buffer as ArrayBuffer);
      const milliseconds = performance.now() - began;
      reply({ type: 'result', id: request.id, outputs, returned, milliseconds }, [
        ...new Set([...buffers, ...returned]),
      ]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      reply({ type: 'error', id: request.id, message, returned }, [...new Set(returned)]);
    }
  };

  return async (next) => {
    if (next.type === 'run') {
      await run(next);
      return;
    }
    await busy(() => session.release());
    port.close();
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const runtime = busy(() => import('onnxruntime-node'));
  runtime.catch(() => undefined);
  let handle: ((request: Request) => Promise<void>) | null = null;
  const serve = async (request: Request): Promise<void> => {
    if (handle !== null) await handle(request);
    else if (request.type === 'open') handle = await open(port, await runtime, request);
    else port.close();
  };
  let chain = Promise.resolve();
  port.on('message', (request: Request) => {
    chain = chain
      .then(() => serve(request))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        port.postMessage({ type: 'failed', message } satisfies Reply);
        port.close();
      });
  });
}
