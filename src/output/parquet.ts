import { ByteWriter, ParquetWriter, schemaFromColumnData, type ColumnSource } from 'hyparquet-writer';
import { ARROW_SCHEMA_KEY, arrowSchema, type ArrowColumn } from './arrow-schema.js';
import type { Cell, Cells } from './cells.js';
import { FloatReader } from './join-floats.js';
import { appendVectors, listSchema } from './parquet-vectors.js';

/** Rows per row group, of which readers that stream take one at a time; and numbers of vectors in it. */
const GROUP_ROWS = 10_000;
const GROUP_NUMBERS = 2 ** 19;

/** What a row group's plain columns often need. */
const FIRST_BYTES = 2 ** 18;

/** One column of vectors, each `dim` long; end to end, in pieces of any length. */
export interface VectorColumn {
  readonly name: string;
  readonly data: readonly Float32Array[];
  readonly dim: number;
}

const LARGEST_INT64 = 2n ** 63n;

/** The narrowest type that holds all of a column's values; a mixture is text. */
function plainColumn(name: string, cells: readonly Cell[]): ColumnSource {
  const present = cells.filter((cell) => cell !== null);
  const all = (test: (cell: NonNullable<Cell>) => boolean): boolean =>
    present.length > 0 && present.every((cell) => test(cell));
  if (all((cell) => typeof cell === 'boolean')) return { name, data: [...cells], type: 'BOOLEAN' };
  const isInteger = (cell: NonNullable<Cell>): boolean =>
    typeof cell === 'bigint'
      ? cell < LARGEST_INT64 && cell >= -LARGEST_INT64
      : typeof cell === 'number' && Number.isSafeInteger(cell) && !Object.is(cell, -0);
  if (all(isInteger)) {
    const data = cells.map((cell) => (cell === null ? null : BigInt(cell)));
    return { name, data, type: 'INT64' };
  }
  if (all((cell) => typeof cell === 'number' || typeof cell === 'bigint')) {
    const data = cells.map((cell) => (cell === null ? null : Number(cell)));
    return { name, data, type: 'DOUBLE' };
  }
  const data = cells.map((cell) => (cell === null ? null : String(cell)));
  return { name, data, type: 'STRING' };
}

const ARROW_TYPES: Readonly<Record<string, 'bool' | 'int64' | 'float64'>> = {
  BOOLEAN: 'bool',
  INT64: 'int64',
  DOUBLE: 'float64',
};

function arrowColumns(plain: readonly ColumnSource[], vectors: readonly VectorColumn[]): ArrowColumn[] {
  return [
    ...plain.map(({ name, type }): ArrowColumn => ({ name, type: ARROW_TYPES[type ?? ''] ?? 'string' })),
    ...vectors.map(({ name, dim }): ArrowColumn => ({ name, type: 'vector', length: dim })),
  ];
}

/** Names of all columns, in the order of their first appearance. */
export function columnNames(rows: readonly Cells[]): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return [...names];
}

/** A row group of these columns: begun with the plain ones, of which there may be none. */
function beginGroup(file: ParquetWriter, columnData: readonly ColumnSource[], rows: number): void {
  // Into memory, at once: there is no promise to wait for.
  if (columnData.length > 0) void file.write({ columnData: [...columnData], rowGroupSize: rows });
  else {
    file.row_groups.push({ columns: [], total_byte_size: 0n, num_rows: BigInt(rows) });
    file.num_rows += BigInt(rows);
  }
}

/** What was written since the last call. */
function taken(writer: ByteWriter): Uint8Array<ArrayBuffer> {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
}

/**
 * A parquet file with one row per entry of `rows`, and `vectors` as columns of float lists beside them: of
 * fixed size for readers that know Arrow's types (pyarrow, pandas, polars), plain lists for the others.
 * A column that a row lacks is null there. Comes in pieces, a row group each.
 */
export function* parquetPieces(
  rows: readonly Cells[],
  vectors: readonly VectorColumn[] = [],
): Generator<Uint8Array<ArrayBuffer>> {
  const columnData = columnNames(rows).map((name) =>
    plainColumn(
      name,
      rows.map((row) => row[name] ?? null),
    ),
  );
  const plainSchema = columnData.length === 0 ? [] : schemaFromColumnData({ columnData }).slice(1);
  const root = { name: 'root', num_children: columnData.length + vectors.length };
  const numbers = vectors.reduce((sum, { dim }) => sum + dim, 0);
  const step = numbers === 0 ? GROUP_ROWS : Math.min(GROUP_ROWS, Math.ceil(GROUP_NUMBERS / numbers));
  // A writer that is too small doubles, again and again.
  const writer = new ByteWriter(Math.min(rows.length, step) * numbers * 4 + FIRST_BYTES);
  const file = new ParquetWriter({
    writer,
    schema: [root, ...plainSchema, ...vectors.flatMap(({ name }) => listSchema(name))],
    ...(vectors.length === 0
      ? {}
      : { kvMetadata: [{ key: ARROW_SCHEMA_KEY, value: arrowSchema(arrowColumns(columnData, vectors)) }] }),
    createdBy: 'diptych',
  });
  const readers = vectors.map(({ name, data, dim }) => ({ name, dim, reader: new FloatReader(data) }));
  for (let start = 0; start < rows.length; start += step) {
    const count = Math.min(step, rows.length - start);
    // The writer refuses types beside a schema, which holds them already.
    const plain = columnData.map(({ name, data }) => ({ name, data: data.slice(start, start + count) }));
    beginGroup(file, plain, count);
    for (const { name, dim, reader } of readers) appendVectors(file, name, reader.take(count * dim), dim);
    yield taken(writer);
  }
  void file.finish();
  yield taken(writer);
}
