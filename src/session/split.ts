import type { HostTensor } from './host.js';

type Tensors = Readonly<Record<string, HostTensor>>;
type RunOnce = (feeds: Tensors, outputs: readonly string[]) => Promise<Record<string, HostTensor>>;

function emptyLike(tensor: HostTensor, length: number): HostTensor['data'] {
  switch (tensor.type) {
    case 'float32':
      return new Float32Array(length);
    case 'float16':
      return new Uint16Array(length);
    case 'uint8':
      return new Uint8Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'int32':
      return new Int32Array(length);
  }
}

/** Rows [from, to) of a tensor, padded with zero rows to `rows`; a view where nothing has to be padded. */
function rowsOf(tensor: HostTensor, from: number, to: number, rows: number): HostTensor {
  const stride = tensor.dims.slice(1).reduce((product, side) => product * side, 1);
  const view = tensor.data.subarray(from * stride, to * stride);
  const dims = [rows, ...tensor.dims.slice(1)];
  if (to - from === rows) return { type: tensor.type, data: view, dims };
  const padded = emptyLike(tensor, rows * stride);
  (padded as Float32Array).set(view as Float32Array);
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

/** Runs a batch through a graph that only takes `fixedBatch` rows at a time (any number when null). */
export async function runSplit(
  feeds: Tensors,
  outputs: readonly string[],
  fixedBatch: number | null,
  runOnce: RunOnce,
): Promise<Record<string, HostTensor>> {
  const rows = Object.values(feeds)[0]?.dims[0] ?? 0;
  if (fixedBatch === null || rows === fixedBatch) return runOnce(feeds, outputs);
  const parts: Record<string, HostTensor[]> = Object.fromEntries(outputs.map((name) => [name, []]));
  for (let from = 0; from < rows; from += fixedBatch) {
    const to = Math.min(rows, from + fixedBatch);
    const slice = Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [name, rowsOf(tensor, from, to, fixedBatch)]),
    );
    const result = await runOnce(slice, outputs);
    for (const name of outputs) {
      const tensor = result[name];
      if (tensor !== undefined) parts[name]?.push(tensor);
    }
  }
  return Object.fromEntries(outputs.map((name) => [name, join(parts[name] ?? [], rows)]));
}
