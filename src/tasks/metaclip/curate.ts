import { DiptychError, throwIfAborted } from '../../errors.js';
import { mersenne } from '../mersenne.js';
import { tableRows, textOf, type TableRow } from '../rows-file.js';
import { countEntries, entryProbabilities, keepsAny, keepsPair } from './balance.js';
import { EntryMatcher } from './matcher.js';

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

/**
 * MetaCLIP's curation of a pool in files: one pass matches and counts, one draw a matched text keeps or drops it.
 * `keep` gets the rows kept, in the order of the pool. Memory: the matches, not the texts.
 *
 * @throws DiptychError BAD_INPUT (no entries, no text at all), INPUT_NOT_FOUND, BAD_OPTION, ABORTED.
 */
export async function curatePool(
  files: readonly string[],
  entries: readonly string[],
  keep: (row: TableRow, index: number, matches: readonly number[]) => Promise<void> | void,
  options: CurateOptions = {},
): Promise<CurateSummary> {
  const { t = 20_000, version = 1, seed = 0, column = 'text', signal, onProgress } = options;
  if (entries.length === 0)
    throw new DiptychError('BAD_INPUT', 'expected at least one entry', { input: 'entries' });
  const matcher = new EntryMatcher(entries, version === 1 ? 'spaces' : 'scripts');
  const matches: (readonly number[])[] = [];
  let incomplete = 0;
  for (const file of files) {
    for await (const row of tableRows(file)) {
      const text = textOf(row, column);
      if (text === null) incomplete++;
      matches.push(text === null ? [] : matcher.match(text));
      if (matches.length % 10_000 === 0) {
        throwIfAborted(signal);
        onProgress?.(matches.length);
      }
    }
  }
  if (matches.length === incomplete) {
    throw new DiptychError(
      'BAD_INPUT',
      `none of ${String(matches.length)} rows has a text in column ${column}`,
      {
        input: files.join(', '),
      },
    );
  }
  const counts = countEntries(matches, entries.length);
  const probabilities = entryProbabilities(counts, t);
  const random = mersenne(seed);
  const draw = version === 1 ? keepsAny : keepsPair;
  let [index, kept, matched] = [0, 0, 0];
  for (const file of files) {
    for await (const row of tableRows(file)) {
      const ids = matches[index] ?? [];
      if (ids.length > 0) matched++;
      if (ids.length > 0 && draw(ids, probabilities, random)) {
        kept++;
        await keep(row, index, ids);
      }
      index++;
    }
    throwIfAborted(signal);
  }
  return { texts: matches.length, matched, kept, incomplete, counts };
}
