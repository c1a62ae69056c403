import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream';
import type * as Hyparquet from 'hyparquet';
import type { FileMetaData } from 'hyparquet';
import { DiptychError, toDiptychError } from '../errors.js';
import { chooseColumns, imageBytesColumn, recordItem, type ColumnChoice } from './columns.js';
import { broken, type InputItem, type InputKind } from './item.js';
import { LineReader } from './lines.js';

export interface TableOptions {
  readonly kind: InputKind;
  readonly columns: ColumnChoice;
}

// Readers of tables are loaded when one is to be read: see open.ts.
type Parquet = typeof Hyparquet;

type Row = Readonly<Record<string, unknown>>;

const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const BASE64_IMAGE = /^(\/9j\/|iVBOR|R0lGOD|UklGR|Qk)[A-Za-z0-9+/_-]{40,}={0,2}$/;

/** Chinese-CLIP's image files: no header, an id and the image in base64 (its URL-safe form too). */
function base64Row(cells: readonly string[]): Row | null {
  const [id, data] = cells;
  if (cells.length !== 2 || id === undefined || data === undefined || !BASE64_IMAGE.test(data)) return null;
  return { image_id: id, image: new Uint8Array(Buffer.from(data, 'base64')) };
}

/** A .csv or .tsv file, streamed. The first line names the columns. */
export async function* csvItems(
  file: string,
  delimiter: ',' | '\t',
  options: TableOptions,
): AsyncGenerator<InputItem, void, undefined> {
  const { parse } = await import('csv-parse');
  const parser = parse({
    delimiter,
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    relax_quotes: true,
    // Captions in tab-separated files hold bare quotation marks; nobody quotes there.
    quote: delimiter === '\t' ? null : '"',
  });
  // Errors of reading reach the parser by this alone; they are told where its rows are taken.
  pipeline(createReadStream(file), parser, () => undefined);
  const rows: AsyncIterable<string[]> = parser;
  const folder = path.dirname(file);
  let names: string[] | null = null;
  let columns: ColumnChoice | null = null;
  let number = 0;
  try {
    for await (const cells of rows) {
      number++;
      const where = `${file} row ${String(number)}`;
      if (names === null) {
        const image = options.columns.image === null ? base64Row(cells) : null;
        if (image !== null) {
          names = ['image_id', 'image'];
          columns = { image: 'image', text: null };
        } else {
          names = cells;
          columns = chooseColumns(file, names, options.columns, options.kind);
          number = 0;
          continue;
        }
      }
      if (columns === null) continue;
      const header = names;
      const row = base64Row(cells) ?? Object.fromEntries(header.map((name, at) => [name, cells[at] ?? null]));
      yield recordItem(row, columns, where, folder);
    }
  } catch (error) {
    yield broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file));
    if (error instanceof DiptychError && error.code === 'BAD_OPTION') throw error;
  }
}

/** A .jsonl file: an object a line (columns chosen by name), or a string a line (texts). */
export async function* jsonlItems(
  file: string,
  options: TableOptions,
): AsyncGenerator<InputItem, void, undefined> {
  const lines = new LineReader(createReadStream(file));
  const folder = path.dirname(file);
  let columns: ColumnChoice | null = null;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const where = `${file} line ${String(number)}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      const error = new DiptychError('INPUT_UNREADABLE', 'is not JSON', { cause, input: where });
      yield broken(where, error, options.kind === 'text' ? 'text' : 'image');
      continue;
    }
    if (typeof value === 'string') {
      yield { name: where, cells: { text: value }, shape: 'text', text: value };
    } else if (isRow(value)) {
      columns ??= chooseColumns(file, Object.keys(value), options.columns, options.kind);
      yield recordItem(value, columns, where, folder);
    } else {
      yield broken(
        where,
        new DiptychError('INPUT_UNREADABLE', 'is neither an object nor a string', { input: where }),
      );
    }
  }
  yield* lines.broken(file);
}

/** Columns of bytes that are not said to be text. */
function bytesColumns({ parquetSchema }: Parquet, metadata: FileMetaData): string[] {
  return parquetSchema(metadata)
    .children.map(({ element }) => element)
    .filter(
      ({ type, converted_type: converted, logical_type: logical }) =>
        type === 'BYTE_ARRAY' && converted === undefined && logical === undefined,
    )
    .map(({ name }) => name);
}

/** Whether a .parquet file holds images themselves. False for one that cannot be read. */
export async function holdsImages(file: string): Promise<boolean> {
  try {
    const parquet = await import('hyparquet');
    const metadata = await parquet.parquetMetadataAsync(await parquet.asyncBufferFromFile(file));
    return imageBytesColumn(bytesColumns(parquet, metadata)) !== null;
  } catch {
    // Nobody asked for it by name: the folder has other things too.
    return false;
  }
}

/** A .parquet file, a slice of rows in memory at a time; image bytes, paths, URLs or texts in its columns. */
export async function* parquetItems(
  file: string,
  options: TableOptions,
): AsyncGenerator<InputItem, void, undefined> {
  let columns: ColumnChoice;
  let number = 0;
  try {
    const parquet = await import('hyparquet');
    const { compressors } = await import('hyparquet-compressors');
    const buffer = await parquet.asyncBufferFromFile(file);
    const metadata = await parquet.parquetMetadataAsync(buffer);
    const names = parquet.parquetSchema(metadata).children.map(({ element }) => element.name);
    columns = chooseColumns(file, names, options.columns, options.kind, bytesColumns(parquet, metadata));
    const folder = path.dirname(file);
    // Bytes of images come as bytes; only text columns are text.
    const slice = columns.image === null ? 8192 : 256;
    const total = Number(metadata.num_rows);
    for (let rowStart = 0; rowStart < total; rowStart += slice) {
      const rowEnd = Math.min(total, rowStart + slice);
      const rows: unknown[] = await parquet.parquetReadObjects({
        file: buffer,
        metadata,
        rowStart,
        rowEnd,
        utf8: false,
        compressors,
      });
      for (const row of rows) {
        number++;
        if (isRow(row)) yield recordItem(row, columns, `${file} row ${String(number)}`, folder);
      }
    }
  } catch (error) {
    if (error instanceof DiptychError && error.code === 'BAD_OPTION') throw error;
    yield broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file));
  }
}
