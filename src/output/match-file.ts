import { writePiecesAtomic } from './atomic.js';
import { csvCell } from './csv.js';
import { npyHeader } from './npy.js';

/** A row of B that a row of A was matched with. */
export interface Match {
  readonly index: number;
  readonly score: number;
}

/** Rows of B for each row of A, best first: those of row i are `starts[i]` to `starts[i + 1] - 1`. */
export interface Matches {
  readonly rows: number;
  /** rows + 1 of them. */
  readonly starts: Float64Array;
  readonly indices: Int32Array;
  readonly scores: Float32Array;
}

/** Names of the rows of A and of B, where they have any. */
export interface MatrixNames {
  readonly rows: readonly string[] | null;
  readonly columns: readonly string[] | null;
}

/** The matches of one row. */
export function matchesOfRow({ starts, indices, scores }: Matches, row: number): Match[] {
  const first = starts[row] ?? 0;
  return Array.from({ length: (starts[row + 1] ?? first) - first }, (_, rank) => ({
    index: indices[first + rank] ?? 0,
    score: scores[first + rank] ?? 0,
  }));
}

/** What a line says of a match, in order; the names only where there are any. */
function* described(matches: Matches, names: MatrixNames): Generator<Record<string, string | number>> {
  const named = names.rows !== null || names.columns !== null;
  for (let row = 0; row < matches.rows; row++) {
    for (const [at, { index, score }] of matchesOfRow(matches, row).entries()) {
      const match = { row, rank: at + 1, match: index, score };
      yield named
        ? {
            ...match,
            row_name: names.rows?.[row] ?? String(row),
            match_name: names.columns?.[index] ?? String(index),
          }
        : match;
    }
  }
}

function* csvLines(matches: Matches, names: MatrixNames): Generator<string> {
  const named = names.rows !== null || names.columns !== null;
  yield `row,rank,match,score${named ? ',row_name,match_name' : ''}\n`;
  for (const line of described(matches, names)) {
    yield `${Object.values(line)
      .map((cell) => csvCell(String(cell)))
      .join(',')}\n`;
  }
}

function* jsonLines(matches: Matches, names: MatrixNames): Generator<string> {
  for (const line of described(matches, names)) yield `${JSON.stringify(line)}\n`;
}

const FIELDS = { row: '<i4', rank: '<i4', match: '<i4', score: '<f4' } as const;
const RECORD_BYTES = 16;

function* records({ rows, starts, indices, scores }: Matches): Generator<Uint8Array> {
  yield npyHeader(FIELDS, [indices.length]);
  for (let row = 0; row < rows; row++) {
    const [first, end] = [starts[row] ?? 0, starts[row + 1] ?? 0];
    const view = new DataView(new ArrayBuffer((end - first) * RECORD_BYTES));
    for (let at = first; at < end; at++) {
      const to = (at - first) * RECORD_BYTES;
      view.setInt32(to, row, true);
      view.setInt32(to + 4, at - first + 1, true);
      view.setInt32(to + 8, indices[at] ?? 0, true);
      view.setFloat32(to + 12, scores[at] ?? 0, true);
    }
    yield new Uint8Array(view.buffer);
  }
}

export type MatchFormat = 'csv' | 'jsonl' | 'npy';

/**
 * Writes matches, one a line (.csv with a head, .jsonl) or one a record (.npy: fields row, rank, match and score).
 * Throws OUTPUT_FAILED.
 */
export async function saveMatches(
  matches: Matches,
  file: string,
  format: MatchFormat,
  names: MatrixNames,
): Promise<void> {
  const pieces = { csv: csvLines, jsonl: jsonLines, npy: records }[format];
  await writePiecesAtomic(file, pieces(matches, names));
}
