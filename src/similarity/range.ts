import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativePairs, NativeRows, NativeSimilarityOptions } from '../native/similarity-binding.js';
import { callNative, type OnProgress } from './call.js';
import { isCorpus, prepareCorpus } from './corpus.js';
import type { CorpusState, PreparedCorpus } from './corpus.js';
import { checkKeys, checkProgress, resolveOptions } from './options.js';
import type { Precision, SimilarityOptions } from './options.js';
import { checkedRows, checkSameDim, describe } from './rows.js';
import type { AnyRows } from './rows.js';
import { sameMetric } from './topk.js';

export interface RangeOptions extends SimilarityOptions {
  /** Default `exact`: a pair counts when its true score reaches the threshold. */
  readonly precision?: Precision;
  /** More pairs than this are an error (BAD_OPTION) instead of a full memory. Default 100 million. */
  readonly limit?: number;
  /**
   * How much of the work is done, in queries, after each thousand or so; `total` is their number. Of one set's own
   * pairs later rows have fewer left to meet, which is counted.
   */
  readonly onProgress?: OnProgress;
}

/** Pairs that reach a threshold: element i of the three arrays belongs together. */
export type Pairs = NativePairs;

/** Queries that one call of the addon takes. */
const STEP = 1024;
const KEYS = ['metric', 'threads', 'signal', 'precision', 'limit', 'onProgress'];

/**
 * Every (query, row) whose score is at least `threshold`: by query, then score down, then row up. Rejects as `topK`
 * does, and with BAD_OPTION when there are more than `limit` pairs.
 */
export async function rangeSearch(
  queries: AnyRows,
  rows: AnyRows | PreparedCorpus,
  threshold: number,
  options: RangeOptions = {},
): Promise<Pairs> {
  checkKeys(options, KEYS);
  const left = checkedRows(queries, 'queries');
  checkSameDim(left, isCorpus(rows) ? rows : checkedRows(rows, 'rows'), ['queries', 'rows']);
  const found: Pairs[] = [];
  for await (const pairs of search(left, rows, threshold, options)) found.push(pairs);
  return joined(found);
}

/**
 * Every pair of rows of one set whose score is at least `threshold`, each once with `queries[i] < rows[i]`, in batches:
 * a batch holds all pairs of some rows, in order; memory stays bounded. `limit` counts per batch. Throws as
 * {@link rangeSearch}.
 */
export async function* similarPairs(
  rows: AnyRows | PreparedCorpus,
  threshold: number,
  options: RangeOptions = {},
): AsyncGenerator<Pairs, void, undefined> {
  checkKeys(options, KEYS);
  yield* search(undefined, rows, threshold, options);
}

async function* search(
  queries: NativeRows | undefined,
  rows: AnyRows | PreparedCorpus,
  threshold: number,
  options: RangeOptions,
): AsyncGenerator<Pairs, void, undefined> {
  if (typeof threshold !== 'number' || !Number.isFinite(threshold)) {
    throw new DiptychError('BAD_OPTION', `expected a finite number, got ${describe(threshold)}`, {
      input: 'threshold',
    });
  }
  const limit = checkedLimit(options.limit);
  const { onProgress, ...rest } = options;
  checkProgress(onProgress);
  const { signal, threads } = rest;
  const resolved = resolveOptions(isCorpus(rows) ? { metric: rows.metric, ...rest } : rest, 'exact');
  const prepared = isCorpus(rows)
    ? rows
    : await prepareCorpus(rows, {
        metric: resolved.metric,
        ...(threads === undefined ? {} : { threads }),
        ...(signal === undefined ? {} : { signal }),
      });
  const corpus = prepared.state();
  const checked = sameMetric(resolved, corpus);
  const sources = queries === undefined ? partSizes(corpus) : [{ queries, rows: queries.rows }];
  const total = sources.reduce((sum, source) => sum + source.rows, 0);
  let done = 0;
  for (const source of sources) {
    for (let first = 0; first < source.rows; first += STEP) {
      const range = { first, count: Math.min(STEP, source.rows - first), threshold, limit };
      yield await rangeCall(source.queries, corpus, range, checked, signal);
      done += range.count;
      const left = 1 - done / total;
      onProgress?.(queries === undefined ? Math.floor(total * (1 - left * left)) : done, total);
    }
  }
}

async function rangeCall(
  queries: NativeRows | number,
  corpus: CorpusState,
  range: { first: number; count: number; threshold: number; limit: number },
  options: NativeSimilarityOptions,
  signal: AbortSignal | undefined,
): Promise<Pairs> {
  return callNative(signal, (cancel) =>
    native().corpusRange(queries, corpus.handle, corpus.parts, range, options, cancel),
  );
}

/** The parts of a corpus as query sources. An opened corpus has one part, which holds all its rows. */
function partSizes(corpus: CorpusState): readonly { readonly queries: number; readonly rows: number }[] {
  const known = corpus.parts.reduce((sum, part) => sum + (part?.rows ?? 0), 0);
  return corpus.parts.map((part, index) => ({ queries: index, rows: part?.rows ?? corpus.rows - known }));
}

function joined(all: readonly Pairs[]): Pairs {
  const length = all.reduce((sum, pairs) => sum + pairs.rows.length, 0);
  const joint = {
    queries: new Int32Array(length),
    rows: new Int32Array(length),
    scores: new Float32Array(length),
  };
  let at = 0;
  for (const pairs of all) {
    joint.queries.set(pairs.queries, at);
    joint.rows.set(pairs.rows, at);
    joint.scores.set(pairs.scores, at);
    at += pairs.rows.length;
  }
  return joint;
}

function checkedLimit(limit: unknown): number {
  if (limit === undefined) return 100_000_000;
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw new DiptychError('BAD_OPTION', `expected a whole number of at least 1, got ${describe(limit)}`, {
    input: 'limit',
  });
}
