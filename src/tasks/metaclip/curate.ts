import { DiptychError, throwIfAborted } from '../../errors.js';
import { mersenne } from '../mersenne.js';
import { tableRows, textOf, type TableRow } from '../rows-file.js';
import { entryProbabilities, keepsAny, keepsPair } from './balance.js';
import { EntryMatcher, type EntryMatches } from './matcher.js';

export interface CurateOptions {
  /** Matches up to which an entry keeps all its texts. Default 20,000. */
  readonly t?: number;
  /** 1 (default) or 2: how entries are padded and texts are drawn. */
  readonly version?: 1 | 2;
  /** Of Python's random stream. Default 0. */
  readonly seed?: number;
  /** Default `text`. */
  readonly column?: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((texts: number) => void) | undefined;
  /** Gets the rows without a text, by their position in the pool. */
  readonly onIncomplete?: ((index: number, message: string) => void) | undefined;
}

export interface CurateSummary {
  readonly texts: number;
  readonly matched: number;
  readonly kept: number;
  /** Rows without a text. */
  readonly incomplete: number;
  /** Matches of each entry. */
  readonly counts: Float64Array;
}

/** Rows matched together. */
const BATCH = 4096;

/** The matches of a pool's rows, batch by batch as they come; not its texts. */
class MatchedPool {
  rows = 0;
  /** Matches of each entry so far. */
  readonly counts: Float64Array;
  readonly #matcher: EntryMatcher;
  readonly #batches: EntryMatches[] = [];
  #texts: string[] = [];
  /** Rows of the batch that have no text, and match nothing: not even an entry of spaces. */
  #without = new Set<number>();

  constructor(matcher: EntryMatcher) {
    this.#matcher = matcher;
    this.counts = new Float64Array(matcher.entries);
  }

  add(text: string, hasText: boolean): void {
    if (!hasText) this.#without.add(this.#texts.length);
    this.#texts.push(text);
    this.rows++;
    if (this.#texts.length === BATCH) this.settle();
  }

  /** Matches what has come since the last whole batch. */
  settle(): void {
    const found = this.#matcher.matchAll(this.#texts);
    const { ids, offsets } = this.#without.size === 0 ? found : withoutRows(found, this.#without);
    for (const id of ids) this.counts[id] = (this.counts[id] ?? 0) + 1;
    this.#batches.push({ ids, offsets });
    this.#texts = [];
    this.#without = new Set();
  }

  /** The entries that a row matches, ascending. */
  matches(row: number): Int32Array {
    const batch = this.#batches[Math.floor(row / BATCH)];
    const at = row % BATCH;
    return batch?.ids.subarray(batch.offsets[at], batch.offsets[at + 1]) ?? new Int32Array();
  }
}

function withoutRows({ ids, offsets }: EntryMatches, left: ReadonlySet<number>): EntryMatches {
  const kept: number[] = [];
  const ends = offsets.map((_, row) => {
    if (row > 0 && !left.has(row - 1)) kept.push(...ids.subarray(offsets[row - 1], offsets[row]));
    return kept.length;
  });
  return { ids: Int32Array.from(kept), offsets: ends };
}

/**
 * MetaCLIP's curation of a pool in files: one pass matches and counts, one draw a matched text keeps or drops it.
 * `keep` gets the rows kept, in the order of the pool. Memory: the matches, not the texts.
 *
 * @throws DiptychError BAD_INPUT (no entries, no text at all), INPUT_NOT_FOUND, BAD_OPTION, ABORTED.
 */
export async function curatePool(
  files: readonly string[],
  entries: readonly string[],
  keep: (row: TableRow, index: number, matches: Int32Array) => Promise<void> | void,
  options: CurateOptions = {},
): Promise<CurateSummary> {
  const { t = 20_000, version = 1, seed = 0, column = 'text', signal, onProgress, onIncomplete } = options;
  if (entries.length === 0)
    throw new DiptychError('BAD_INPUT', 'expected at least one entry', { input: 'entries' });
  const matcher = new EntryMatcher(entries, version === 1 ? 'spaces' : 'scripts');
  const pool = new MatchedPool(matcher);
  let incomplete = 0;
  for (const file of files) {
    for await (const row of tableRows(file)) {
      const text = textOf(row, column);
      if (text === null) onIncomplete?.(pool.rows, `no text in column ${column}`);
      if (text === null) incomplete++;
      pool.add(text ?? '', text !== null);
      if (pool.rows % BATCH !== 0) continue;
      throwIfAborted(signal);
      onProgress?.(pool.rows);
    }
  }
  pool.settle();
  onProgress?.(pool.rows);
  if (pool.rows === incomplete) {
    throw new DiptychError('BAD_INPUT', `none of ${String(pool.rows)} rows has a text in column ${column}`, {
      input: files.join(', '),
    });
  }
  const { counts } = pool;
  const probabilities = entryProbabilities(counts, t);
  const random = mersenne(seed);
  const draw = version === 1 ? keepsAny : keepsPair;
  let [index, kept, matched] = [0, 0, 0];
  for (const file of files) {
    for await (const row of tableRows(file)) {
      const ids = pool.matches(index);
      if (ids.length > 0) matched++;
      if (ids.length > 0 && draw(ids, probabilities, random)) {
        kept++;
        await keep(row, index, ids);
      }
      index++;
    }
    throwIfAborted(signal);
  }
  return { texts: pool.rows, matched, kept, incomplete, counts };
}
