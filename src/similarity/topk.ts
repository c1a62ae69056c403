import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativeSimilarityOptions } from '../native/similarity-binding.js';
import { callNative, type OnProgress } from './call.js';
import { isCorpus } from './corpus.js';
import type { CorpusState, PreparedCorpus } from './corpus.js';
import { checkKeys, checkProgress, resolveOptions } from './options.js';
import type { Precision, SimilarityOptions } from './options.js';
import { checkedRows, checkSameDim, describe } from './rows.js';
import type { AnyRows } from './rows.js';

export interface TopKOptions extends SimilarityOptions {
  /**
   * Default `exact`: order and scores are those of float64 brute force, by proof (docs/exactness.md). The others
   * order by that arithmetic's own scores.
   */
  readonly precision?: Precision;
  /** How much of the work is done, in queries; `total` is their number. */
  readonly onProgress?: OnProgress;
}

/** The k best rows of every query, row after row: those of query i start at `i * k`. */
export interface Hits {
  /** Row indices, best first; rows with equal scores by index. */
  readonly indices: Int32Array;
  readonly scores: Float32Array;
  /** Queries. */
  readonly rows: number;
  /** Hits per query: the k asked for, or the number of rows where there are fewer. */
  readonly k: number;
}

/**
 * The `k` rows most similar to each query; `rows` may be a prepared corpus. The matrix of scores is never built: memory beyond the inputs and the
 * result stays under about 100 MB.
 *
 * Rejects with BAD_OPTION (k is not a whole number above 0), BAD_INPUT (wrong types or lengths, NaN or infinities,
 * naming the row), DIMENSION_MISMATCH, ABORTED, KERNEL_UNAVAILABLE or OUT_OF_MEMORY. Fewer rows than k: all of them.
 */
export async function topK(
  queries: AnyRows,
  rows: AnyRows | PreparedCorpus,
  k: number,
  options: TopKOptions = {},
): Promise<Hits> {
  checkKeys(options, ['metric', 'threads', 'signal', 'precision', 'onProgress']);
  const { onProgress, ...rest } = options;
  checkProgress(onProgress);
  const left = checkedRows(queries, 'queries');
  const right = isCorpus(rows) ? rows.state() : checkedRows(rows, 'rows');
  checkSameDim(left, right, ['queries', 'rows']);
  const most = Math.min(checkedK(k), right.rows);
  const resolved = resolveOptions(isCorpus(rows) ? { metric: rows.metric, ...rest } : rest, 'exact');
  const { indices, scores } = allocateHits(left.rows * most);
  if (indices.length > 0) {
    const counter = new Float64Array(1);
    const call = (cancel: Int32Array): Promise<void> =>
      'handle' in right
        ? native().corpusTopK(
            left,
            right.handle,
            right.parts,
            most,
            indices,
            scores,
            counter,
            sameMetric(resolved, right),
            cancel,
          )
        : native().similarityTopK(left, right, most, indices, scores, counter, resolved, cancel);
    const watch = { counter, most: left.rows * right.rows, total: left.rows, onProgress };
    await callNative(options.signal, call, watch);
  }
  onProgress?.(left.rows, left.rows);
  return { indices, scores, rows: left.rows, k: most };
}

/** The options themselves. Throws BAD_OPTION unless the corpus was prepared for their metric. */
export function sameMetric(options: NativeSimilarityOptions, corpus: CorpusState): NativeSimilarityOptions {
  if (options.metric === corpus.metric) return options;
  throw new DiptychError(
    'BAD_OPTION',
    `the corpus was prepared for ${corpus.metric}, not ${options.metric}: prepare it again with that metric`,
    { input: 'metric' },
  );
}

/** Throws BAD_OPTION unless `k` is a whole number of at least 1. */
export function checkedK(k: unknown): number {
  if (typeof k === 'number' && Number.isInteger(k) && k >= 1) return k;
  throw new DiptychError('BAD_OPTION', `expected a whole number of at least 1, got ${describe(k)}`, {
    input: 'k',
  });
}

/** Room for `length` hits. Throws OUT_OF_MEMORY. */
export function allocateHits(length: number): { indices: Int32Array; scores: Float32Array } {
  try {
    return { indices: new Int32Array(length), scores: new Float32Array(length) };
  } catch (cause) {
    throw new DiptychError(
      'OUT_OF_MEMORY',
      `${String(length)} hits do not fit into memory: ask for fewer at a time`,
      {
        cause,
      },
    );
  }
}
