import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DiptychError, toDiptychError } from '../errors.js';

/** One row of a table, by column. */
export type TableRow = Readonly<Record<string, unknown>>;

/** Rows a read of a parquet file takes at a time. */
const GROUP = 4096;

function parseLine(line: string, file: string, number: number): TableRow {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'string') return { text: value };
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    throw new DiptychError('INPUT_UNREADABLE', `line ${String(number)} is no JSON`, { cause, input: file });
  }
  throw new DiptychError('INPUT_UNREADABLE', `line ${String(number)}: expected an object or a text`, {
    input: file,
  });
}

/**
 * Rows of a pool: a .parquet file, a .jsonl file (an object or a text a line), or any other file as one text a line
 * (column `text`). Throws INPUT_NOT_FOUND, INPUT_UNREADABLE naming the line.
 */
export async function* tableRows(file: string): AsyncGenerator<TableRow, void, undefined> {
  try {
    if (/\.parquet$/i.test(file)) {
      const buffer = await asyncBufferFromFile(file);
      const metadata = await parquetMetadataAsync(buffer);
      const total = Number(metadata.num_rows);
      for (let rowStart = 0; rowStart < total; rowStart += GROUP) {
        const rowEnd = Math.min(total, rowStart + GROUP);
        yield* await parquetReadObjects({ file: buffer, metadata, rowStart, rowEnd, compressors });
      }
      return;
    }
    const lines = createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity });
    let number = 0;
    for await (const line of lines) {
      number++;
      if (!/\.jsonl$/i.test(file)) yield { text: line };
      else if (line.trim() !== '') yield parseLine(line, file, number);
    }
  } catch (error) {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', file);
  }
}

/** The text of a column; null where it has none. */
export function textOf(row: TableRow, column: string): string | null {
  const value = row[column];
  return typeof value === 'string' ? value : null;
}

/** The number of a column; NaN where it has none. */
export function numberOf(row: TableRow, column: string): number {
  const value = row[column];
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : NaN;
}
