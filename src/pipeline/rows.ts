import type { HostTensor } from '../session/host.js';
import { halvesToFloats } from '../session/half.js';
import { DiptychError } from '../errors.js';

/** The output of a tower as float32 rows. Throws MODEL_INVALID when the shape is not [rows, ...]. */
export function floatRows(
  tensor: HostTensor,
  rows: number,
): { data: Float32Array; dim: number; vectors: number } {
  const { dims } = tensor;
  if ((dims.length !== 2 && dims.length !== 3) || dims[0] !== rows) {
    throw new DiptychError(
      'MODEL_INVALID',
      `expected the embedding output to be [${String(rows)}, dim] or [${String(rows)}, vectors, dim], got [${dims.join(', ')}]`,
    );
  }
  const data =
    tensor.data instanceof Float32Array
      ? tensor.data
      : tensor.data instanceof Uint16Array
        ? halvesToFloats(tensor.data)
        : null;
  if (data === null) throw new DiptychError('MODEL_INVALID', `expected a float output, got ${tensor.type}`);
  return { data, dim: dims[dims.length - 1] ?? 0, vectors: dims.length === 3 ? (dims[1] ?? 1) : 1 };
}

/** Scales every vector of `dim` numbers to unit length, in place, the norm taken in float64. Zero vectors stay. */
export function normalizeRows(data: Float32Array, dim: number): void {
  for (let at = 0; at < data.length; at += dim) {
    let sum = 0;
    for (let i = at; i < at + dim; i++) sum += (data[i] ?? 0) ** 2;
    if (sum === 0) continue;
    const factor = 1 / Math.sqrt(sum);
    for (let i = at; i < at + dim; i++) data[i] = (data[i] ?? 0) * factor;
  }
}

/** Whether all numbers of a row are finite. */
export function isFiniteRow(data: Float32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}
