import type { NativePairs } from '../native/similarity-binding.js';
import { numbered, renumbered, type RowBlocks } from './blocks.js';
import { Shares } from './call.js';
import type { PreparedCorpus } from './corpus.js';
import { PairList, prepareFor, searchPairs, type Pairs, type RangeOptions } from './range.js';
import { checkedRows, checkSameDim } from './rows.js';
import type { AnyRows } from './rows.js';

/** As `rangeSearch` over rows that come in blocks, with the same answer. */
export async function rangeSearchBlocks(
  queries: AnyRows,
  source: RowBlocks,
  threshold: number,
  options: RangeOptions = {},
): Promise<Pairs> {
  const left = checkedRows(queries, 'queries');
  checkSameDim(left, source, ['queries', 'rows']);
  const shares = new Shares(left.rows * source.rows, left.rows, options.onProgress);
  const found = new PairList(options.limit);
  for await (const { block, first } of numbered(source)) {
    const corpus = await prepared(block, first, options);
    const share = { ...options, onProgress: shares.next(left.rows * block.rows) };
    for await (const pairs of searchPairs(left, corpus, threshold, share)) found.add(moved(pairs, 0, first));
  }
  return found.merged(left.rows);
}

/**
 * As `similarPairs` over rows that come in blocks: the same pairs in another order, since a batch holds pairs of one
 * block, or of two.
 */
export async function* similarPairsOfBlocks(
  source: RowBlocks,
  threshold: number,
  options: RangeOptions = {},
): AsyncGenerator<Pairs, void, undefined> {
  // Every two rows meet once.
  const shares = new Shares(source.rows ** 2 / 2, source.rows, options.onProgress);
  for await (const { block, first } of numbered(source)) {
    const corpus = await prepared(block, first, options);
    for await (const earlier of numbered(source)) {
      if (earlier.first >= first) break;
      const queries = checkedRows(earlier.block, 'queries');
      const share = { ...options, onProgress: shares.next(queries.rows * block.rows) };
      for await (const pairs of searchPairs(queries, corpus, threshold, share)) {
        yield moved(pairs, earlier.first, first);
      }
    }
    const share = { ...options, onProgress: shares.next(block.rows ** 2 / 2) };
    for await (const pairs of searchPairs(undefined, corpus, threshold, share))
      yield moved(pairs, first, first);
  }
}

async function prepared(block: AnyRows, first: number, options: RangeOptions): Promise<PreparedCorpus> {
  try {
    return await prepareFor(block, options);
  } catch (error) {
    throw renumbered(error, 'rows', first);
  }
}

/** Pairs of blocks as pairs of the whole. */
function moved(pairs: NativePairs, queries: number, rows: number): NativePairs {
  for (let i = 0; i < pairs.rows.length; i++) {
    pairs.queries[i] = (pairs.queries[i] ?? 0) + queries;
    pairs.rows[i] = (pairs.rows[i] ?? 0) + rows;
  }
  return pairs;
}
