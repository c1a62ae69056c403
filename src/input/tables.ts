import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { DiptychError, toDiptychError } from '../errors.js';
import {
  chooseColumns,
  isRow,
  recordItem,
  type ColumnChoice,
  type Row,
  type TableOptions,
} from './columns.js';
import { broken, type InputItem } from './item.js';
import { LineReader } from './lines.js';

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
