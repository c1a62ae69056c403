import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativeSearch } from '../native/similarity-binding.js';
import { callNative } from './call.js';
import { checkKeys, checkProgress, resolveOptions } from './options.js';
import { checkedRows, checkSameDim } from './rows.js';
import type { AnyRows } from './rows.js';
import { allocateHits, checkedK } from './topk.js';
import type { Hits, TopKOptions } from './topk.js';

/** Rows that come block after block, in order, and need not be in memory together. */
export interface RowBlocks {
  readonly rows: number;
  readonly dim: number;
  /** All of them, from the first on: may be asked for more than once. */
  blocks(): AsyncIterable<AnyRows>;
}

/** Blocks with the number of the first row of each. */
export async function* numbered(
  source: RowBlocks,
): AsyncGenerator<{ readonly block: AnyRows; readonly first: number }, void, undefined> {
  let first = 0;
  for await (const block of source.blocks()) {
    yield { block, first };
    first += block.rows;
  }
}

/** The error of work on a block: row n of it is row first + n of the whole, which it now names. */
export function renumbered(error: unknown, name: string, first: number): unknown {
  if (!(error instanceof DiptychError) || error.code !== 'BAD_INPUT') return error;
  const [start, row] = new RegExp(`^${name}: row (\\d+)`).exec(error.message) ?? [];
  if (start === undefined) return error;
  const rest = error.message.slice(start.length);
  return new DiptychError('BAD_INPUT', `${name}: row ${String(first + Number(row))}${rest}`, {
    cause: error,
  });
}

/**
 * As `topK` over rows that come in blocks: the answer is the one that `topK` gives of all of them in memory, but for
 * the scores of `int8`, whose codes are centred on the first block. Rejects as `topK` does.
 */
export async function topKBlocks(
  queries: AnyRows,
  source: RowBlocks,
  k: number,
  options: TopKOptions = {},
): Promise<Hits> {
  checkKeys(options, ['metric', 'threads', 'signal', 'precision', 'onProgress']);
  const { onProgress, signal, ...rest } = options;
  checkProgress(onProgress);
  const left = checkedRows(queries, 'queries');
  checkSameDim(left, source, ['queries', 'rows']);
  const most = Math.min(checkedK(k), source.rows);
  const resolved = resolveOptions(rest, 'exact');
  const { indices, scores } = allocateHits(left.rows * most);
  const hits = { indices, scores, rows: left.rows, k: most };
  if (indices.length === 0) return hits;
  const counter = new Float64Array(1);
  const watch = { counter, most: left.rows * source.rows, total: left.rows, onProgress };
  let search: NativeSearch | null = null;
  for await (const block of source.blocks()) {
    const rows = checkedRows(block, 'rows');
    search ??= await callNative(signal, (cancel) =>
      native().blockSearchStart(left, rows, most, resolved, cancel),
    );
    const open = search;
    await callNative(signal, (cancel) => native().blockSearchRows(open, left, rows, counter, cancel), watch);
  }
  const ended = search;
  if (ended === null) throw new DiptychError('BAD_INPUT', 'no rows came', { input: 'rows' });
  await callNative(signal, (cancel) => native().blockSearchFinish(ended, left, indices, scores, cancel));
  onProgress?.(left.rows, left.rows);
  return hits;
}
