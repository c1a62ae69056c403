import { types } from 'node:util';
import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativeRows, RowOperation } from '../native/similarity-binding.js';
import { callNative } from './call.js';
import { checkKeys, resolveOptions } from './options.js';
import type { SimilarityOptions } from './options.js';
import { checkedRows, checkSameDim, describe } from './rows.js';
import type { AnyRows, Rows } from './rows.js';
import { allocateHits } from './topk.js';
import type { Hits } from './topk.js';

const KEYS = ['metric', 'threads', 'signal'];

/** Of what looks at rows alone, whatever the metric. */
type RowOptions = Omit<SimilarityOptions, 'metric'>;
const ROW_KEYS = ['threads', 'signal'];

/**
 * Orders given candidates exactly: `candidates` holds row indices, as many for each query, list after list; the result
 * holds them best first, with scores. Rejects with BAD_INPUT for an index that is not a row.
 */
export async function rank(
  queries: AnyRows,
  rows: AnyRows,
  candidates: Int32Array,
  options: SimilarityOptions = {},
): Promise<Hits> {
  checkKeys(options, KEYS);
  const left = checkedRows(queries, 'queries');
  const right = checkedRows(rows, 'rows');
  checkSameDim(left, right, ['queries', 'rows']);
  if (!types.isInt32Array(candidates) || candidates.length % Math.max(left.rows, 1) !== 0) {
    const message = `expected an Int32Array with as many indices for each of ${String(left.rows)} queries`;
    throw new DiptychError('BAD_INPUT', `${message}, got ${describe(candidates)}`, { input: 'candidates' });
  }
  const resolved = resolveOptions(options, 'exact');
  const { indices, scores } = allocateHits(candidates.length);
  if (left.rows > 0 && candidates.length > 0) {
    await callNative(options.signal, (cancel) =>
      native().similarityRank(left, right, candidates, indices, scores, resolved, cancel),
    );
  }
  return { indices, scores, rows: left.rows, k: left.rows === 0 ? 0 : candidates.length / left.rows };
}

/** Rows of length 1, divided in float64 and rounded once; zero rows stay zero. */
export async function normalizeRows(rows: AnyRows, options: RowOptions = {}): Promise<Rows> {
  checkKeys(options, ROW_KEYS);
  const given = checkedRows(rows, 'rows');
  const data = new Float32Array(given.rows * given.dim);
  await overRows(native().normaliseRows, given, data, options);
  return { data, rows: given.rows, dim: given.dim };
}

/** The Euclidean length of every row, in float64. */
export async function rowNorms(rows: AnyRows, options: RowOptions = {}): Promise<Float64Array> {
  checkKeys(options, ROW_KEYS);
  const given = checkedRows(rows, 'rows');
  return overRows(native().rowNorms, given, new Float64Array(given.rows), options);
}

/** The mean of all rows, in float64. No rows: zeros. */
export async function meanRow(rows: AnyRows, options: RowOptions = {}): Promise<Float64Array> {
  checkKeys(options, ROW_KEYS);
  return mean(rows, { ...options, metric: 'dot' });
}

/**
 * The middle of the rows' directions: the mean of the unit rows, brought to length 1 (zeros when they cancel out). What
 * an ensemble of prompts or the centre of a cluster is.
 */
export async function centroid(rows: AnyRows, options: RowOptions = {}): Promise<Float32Array> {
  checkKeys(options, ROW_KEYS);
  const middle = await mean(rows, { ...options, metric: 'cosine' });
  const length = Math.sqrt(middle.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(middle, (value) => (length === 0 ? 0 : value / length));
}

function mean(rows: AnyRows, options: SimilarityOptions): Promise<Float64Array> {
  const given = checkedRows(rows, 'rows');
  return overRows(native().meanRow, given, new Float64Array(given.dim), options);
}

/** Runs an operation of the addon from rows into `out`, and gives it back. */
async function overRows<Out>(
  operation: RowOperation<Out>,
  rows: NativeRows,
  out: Out,
  options: SimilarityOptions,
): Promise<Out> {
  const resolved = resolveOptions(options, 'exact');
  await callNative(options.signal, (cancel) => operation(rows, out, resolved, cancel));
  return out;
}
