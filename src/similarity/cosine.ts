import { types } from 'node:util';
import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { callNative } from './call.js';
import { checkKeys, resolveOptions } from './options.js';
import type { Precision, SimilarityOptions } from './options.js';
import { checkedRows, checkSameDim, describe } from './rows.js';
import type { AnyRows, Matrix } from './rows.js';

export interface CosineOptions extends SimilarityOptions {
  /**
   * Default `fp32`: in practice within 3e-7 of the true cosine (bounds: docs/exactness.md). `exact`: the true value to
   * float64's precision, rounded once; many times slower.
   */
  readonly precision?: Precision;
  /** Where to write: exactly a.rows * b.rows elements. Default: a new array. */
  readonly out?: Float32Array;
}

/**
 * All scores of `a`'s rows against `b`'s: element (i, j) of the result is the cosine of a's row i and b's row j
 * (their inner product with `metric: 'dot'`). No rows on either side give an empty matrix.
 *
 * Rejects with BAD_INPUT (wrong types or lengths, NaN or infinities, naming the row), DIMENSION_MISMATCH,
 * BAD_OPTION, ABORTED, KERNEL_UNAVAILABLE or OUT_OF_MEMORY.
 */
export async function cosineSimilarity(a: AnyRows, b: AnyRows, options: CosineOptions = {}): Promise<Matrix> {
  checkKeys(options, ['metric', 'threads', 'signal', 'precision', 'out']);
  const left = checkedRows(a, 'a');
  const right = checkedRows(b, 'b');
  checkSameDim(left, right, ['a', 'b']);
  const resolved = resolveOptions(options, 'fp32');
  const data = output(options.out, left.rows * right.rows);
  await callNative(options.signal, (cancel) => native().similarityDense(left, right, data, resolved, cancel));
  return { data, rows: left.rows, columns: right.rows };
}

function output(out: Float32Array | undefined, length: number): Float32Array {
  if (out === undefined) return allocateScores(length);
  if (!types.isFloat32Array(out)) {
    throw new DiptychError('BAD_INPUT', `expected a Float32Array, got ${describe(out)}`, { input: 'out' });
  }
  if (out.length !== length) {
    throw new DiptychError('BAD_INPUT', `expected ${String(length)} elements, got ${String(out.length)}`, {
      input: 'out',
    });
  }
  return out;
}

/** Room for a matrix of `length` scores. Throws OUT_OF_MEMORY. */
export function allocateScores(length: number): Float32Array {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw new DiptychError(
      'OUT_OF_MEMORY',
      `a matrix of ${String(length)} scores does not fit into memory: use topK, which never builds it`,
      { cause },
    );
  }
}
