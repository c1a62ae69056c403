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
export interface Pairs {
  readonly queries: Int32Array;
  readonly rows: Int32Array;
  readonly scores: Float32Array;
}

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
  const found = new PairList(options.limit);
  for await (const pairs of searchPairs(left, rows, threshold, options)) found.add(pairs);
  return found.joined();
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
  for await (const found of searchPairs(undefined, rows, threshold, options)) {
    yield { queries: found.queries, rows: found.rows, scores: found.scores };
  }
}

/** What both of them are made of; no queries mean the rows themselves. A batch is of a thousand queries or so. */
export async function* searchPairs(
  queries: NativeRows | undefined,
  rows: AnyRows | PreparedCorpus,
  threshold: number,
  options: RangeOptions,
): AsyncGenerator<NativePairs, void, undefined> {
  if (typeof threshold !== 'number' || !Number.isFinite(threshold)) {
    throw new DiptychError('BAD_OPTION', `expected a finite number, got ${describe(threshold)}`, {
      input: 'threshold',
    });
  }
  const limit = checkedLimit(options.limit);
  const { onProgress, ...rest } = options;
  checkProgress(onProgress);
  const { signal } = rest;
  const resolved = resolveOptions(isCorpus(rows) ? { metric: rows.metric, ...rest } : rest, 'exact');
  const prepared = isCorpus(rows) ? rows : await prepareFor(rows, rest);
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

/** The corpus that a search under these options prepares. */
export function prepareFor(
  rows: AnyRows,
  { metric, threads, signal }: SimilarityOptions,
): Promise<PreparedCorpus> {
  return prepareCorpus(rows, {
    ...(metric === undefined ? {} : { metric }),
    ...(threads === undefined ? {} : { threads }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function rangeCall(
  queries: NativeRows | number,
  corpus: CorpusState,
  range: { first: number; count: number; threshold: number; limit: number },
  options: NativeSimilarityOptions,
  signal: AbortSignal | undefined,
): Promise<NativePairs> {
  return callNative(signal, (cancel) =>
    native().corpusRange(queries, corpus.handle, corpus.parts, range, options, cancel),
  );
}

/** The parts of a corpus as query sources. An opened corpus has one part, which holds all its rows. */
function partSizes(corpus: CorpusState): readonly { readonly queries: number; readonly rows: number }[] {
  const known = corpus.parts.reduce((sum, part) => sum + (part?.rows ?? 0), 0);
  return corpus.parts.map((part, index) => ({ queries: index, rows: part?.rows ?? corpus.rows - known }));
}

/** Where the pairs of each query below `count` begin once they are in order, and where the last ones end. */
export function queryStarts(queries: Int32Array, count: number): Float64Array {
  const starts = new Float64Array(count + 1);
  for (const query of queries) starts[query + 1] = (starts[query + 1] ?? 0) + 1;
  for (let query = 0; query < count; query++) {
    starts[query + 1] = (starts[query + 1] ?? 0) + (starts[query] ?? 0);
  }
  return starts;
}

/** Pairs that come batch by batch. */
export class PairList {
  readonly #all: NativePairs[] = [];
  readonly #limit: number;
  #length = 0;

  constructor(limit: number | undefined) {
    this.#limit = checkedLimit(limit);
  }

  /** Throws BAD_OPTION beyond the limit. */
  add(pairs: NativePairs): void {
    this.#length += pairs.rows.length;
    if (this.#length > this.#limit) {
      const message = `more than ${String(this.#limit)} pairs reach it; raise the threshold or the limit`;
      throw new DiptychError('BAD_OPTION', message, { input: 'threshold' });
    }
    this.#all.push(pairs);
  }

  /** Batch after batch: right where each has queries of its own. */
  joined(): Pairs {
    const { queries, rows, scores } = this.#joined();
    return { queries, rows, scores };
  }

  /** By query below `queries`, then key down, then row up, as the addon orders the pairs of one call. */
  merged(queries: number): Pairs {
    const all = this.#joined();
    const starts = queryStarts(all.queries, queries);
    const order = new Uint32Array(this.#length);
    const next = starts.slice();
    all.queries.forEach((query, pair) => {
      const at = next[query] ?? 0;
      order[at] = pair;
      next[query] = at + 1;
    });
    const { keys } = all;
    for (let query = 0; query < queries; query++) {
      order
        .subarray(starts[query], starts[query + 1])
        .sort((a, b) => (keys[b] ?? 0) - (keys[a] ?? 0) || (all.rows[a] ?? 0) - (all.rows[b] ?? 0));
    }
    const merged = emptyPairs(this.#length);
    order.forEach((pair, at) => {
      const query = all.queries[pair] ?? 0;
      const score = all.scores[pair] ?? 0;
      merged.queries[at] = query;
      merged.rows[at] = all.rows[pair] ?? 0;
      // Keys that are equal may have scores that are neighbouring floats: what is shown must not rise again.
      merged.scores[at] = at > (starts[query] ?? 0) ? Math.min(score, merged.scores[at - 1] ?? score) : score;
    });
    return { queries: merged.queries, rows: merged.rows, scores: merged.scores };
  }

  #joined(): NativePairs {
    const joint = emptyPairs(this.#length);
    let at = 0;
    for (const pairs of this.#all) {
      joint.queries.set(pairs.queries, at);
      joint.rows.set(pairs.rows, at);
      joint.scores.set(pairs.scores, at);
      joint.keys.set(pairs.keys, at);
      at += pairs.rows.length;
    }
    return joint;
  }
}

function emptyPairs(length: number): NativePairs {
  return {
    queries: new Int32Array(length),
    rows: new Int32Array(length),
    scores: new Float32Array(length),
    keys: new Float64Array(length),
  };
}

function checkedLimit(limit: unknown): number {
  if (limit === undefined) return 100_000_000;
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw new DiptychError('BAD_OPTION', `expected a whole number of at least 1, got ${describe(limit)}`, {
    input: 'limit',
  });
}
