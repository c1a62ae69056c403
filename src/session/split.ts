import { bucketBelow, bucketPlan } from './buckets.js';
import type { HostTensor, IdleTensor } from './host.js';

type Tensors = Readonly<Record<string, HostTensor>>;
type RunOnce = (feeds: Tensors, outputs: readonly string[]) => Promise<Record<string, HostTensor>>;

function emptyLike(tensor: { readonly type: IdleTensor['type'] }, length: number): HostTensor['data'] {
  switch (tensor.type) {
    case 'float32':
      return new Float32Array(length);
    case 'float16':
      return new Uint16Array(length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'int32':
      return new Int32Array(length);
  }
}

/**
 * Rows [from, to) of a tensor, padded to `rows` with copies of the last (rows of zeros can become NaN in a graph, and
 * spoil the scales of one that quantises as it runs); a view where nothing has to be padded.
 */
function rowsOf(tensor: HostTensor, from: number, to: number, rows: number): HostTensor {
  const stride = tensor.dims.slice(1).reduce((product, side) => product * side, 1);
  const view = tensor.data.subarray(from * stride, to * stride);
  const dims = [rows, ...tensor.dims.slice(1)];
  if (to - from === rows) return { type: tensor.type, data: view, dims };
  const padded = emptyLike(tensor, rows * stride);
  (padded as Float32Array).set(view as Float32Array);
  for (let row = to - from; row < rows; row++) {
    padded.copyWithin(row * stride, (to - from - 1) * stride, (to - from) * stride);
  }
  return { type: tensor.type, data: padded, dims };
}

/** Joins the parts of one output along the batch axis, dropping the padding of the last. */
function join(parts: readonly HostTensor[], rows: number): HostTensor {
  const first = parts[0];
  if (first === undefined) throw new Error('a run of no rows has no output');
  const stride = first.dims.slice(1).reduce((product, side) => product * side, 1);
  const data = emptyLike(first, rows * stride);
  let at = 0;
  for (const part of parts) {
    const take = Math.min(part.data.length, data.length - at);
    (data as Float32Array).set(part.data.subarray(0, take) as Float32Array, at);
    at += take;
  }
  return { type: first.type, data, dims: [rows, ...first.dims.slice(1)] };
}

async function runSizes(
  feeds: Tensors,
  outputs: readonly string[],
  sizes: Iterable<number>,
  pad: boolean,
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  const rows = rowCount(feeds);
  const parts: Record<string, HostTensor[]> = Object.fromEntries(outputs.map((name) => [name, []]));
  let from = 0;
  for (const size of sizes) {
    const to = Math.min(rows, from + size);
    const slice = Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [name, rowsOf(tensor, from, to, pad ? size : to - from)]),
    );
    const result = await runOnce(slice, outputs);
    for (const name of outputs) {
      const tensor = result[name];
      if (tensor !== undefined) parts[name]?.push(tensor);
    }
    from = to;
  }
  return Object.fromEntries(outputs.map((name) => [name, join(parts[name] ?? [], rows)]));
}

function runParts(
  feeds: Tensors,
  outputs: readonly string[],
  size: number,
  pad: boolean,
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  const sizes = new Array<number>(Math.ceil(rowCount(feeds) / size)).fill(size);
  return runSizes(feeds, outputs, sizes, pad, runOnce);
}

/** Zeros for an input that a run of `rows` rows does not use. */
export function idleTensor(
  idle: IdleTensor,
  rows: number,
): { type: IdleTensor['type']; data: HostTensor['data']; dims: number[] } {
  const dims = idle.dims.map((dim) => (dim === 'batch' ? rows : dim));
  const length = dims.reduce((product, side) => product * side, 1);
  return { type: idle.type, data: emptyLike(idle, length), dims };
}

export const rowCount = (feeds: Tensors): number => Object.values(feeds)[0]?.dims[0] ?? 0;

/** Runs a batch through a graph that only takes `fixedBatch` rows at a time (any number when null). */
export function runSplit(
  feeds: Tensors,
  outputs: readonly string[],
  fixedBatch: number | null,
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  if (fixedBatch === null || rowCount(feeds) === fixedBatch) return runOnce(feeds, outputs);
  return runParts(feeds, outputs, fixedBatch, true, runOnce);
}

/** Whether ONNX Runtime (or a CUDA library under it) ran out of memory, by what it says. */
export function isOutOfMemory(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return /bad[_ ]alloc|out of memory|failed to allocate|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED/i.test(
    message,
  );
}

/** How batches are cut: into runs of these sizes for so many rows, at most `limit` each, and what to try below a size. */
interface Cut {
  readonly sizes: (rows: number, limit: number) => readonly number[];
  /** The next smaller size; 0 where there is none. */
  readonly below: (size: number) => number;
  /** Whether runs are padded to their size. */
  readonly pad: boolean;
}

const HALVES: Cut = {
  sizes: (rows, limit) => (rows <= limit ? [rows] : new Array<number>(Math.ceil(rows / limit)).fill(limit)),
  below: (size) => (size <= 1 ? 0 : Math.ceil(size / 2)),
  pad: false,
};

const BUCKETS: Cut = { sizes: bucketPlan, below: bucketBelow, pad: true };

async function runCut(
  cut: Cut,
  feeds: Tensors,
  outputs: readonly string[],
  limit: { rows: number },
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  const rows = rowCount(feeds);
  for (;;) {
    const sizes = cut.sizes(rows, limit.rows);
    try {
      return await (sizes.length === 1 && sizes[0] === rows
        ? runOnce(feeds, outputs)
        : runSizes(feeds, outputs, sizes, cut.pad, runOnce));
    } catch (error) {
      const smaller = cut.below(Math.max(...sizes));
      if (smaller === 0 || !isOutOfMemory(error)) throw error;
      limit.rows = smaller;
    }
  }
}

/**
 * Runs batches and halves them where the encoder runs out of memory, down to single rows. The smaller size is
 * kept for the batches that follow: `limit` is where it is remembered.
 */
export function runBackingOff(
  feeds: Tensors,
  outputs: readonly string[],
  limit: { rows: number },
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  return runCut(HALVES, feeds, outputs, limit, runOnce);
}

/** As {@link runBackingOff}, with every run padded to one of the few batch sizes that CUDA sessions see. */
export function runInBuckets(
  feeds: Tensors,
  outputs: readonly string[],
  limit: { rows: number },
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  return runCut(BUCKETS, feeds, outputs, limit, runOnce);
}
