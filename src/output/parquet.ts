import { parquetWriteBuffer, schemaFromColumnData, type ColumnSource } from 'hyparquet-writer';
import { ARROW_SCHEMA_KEY, arrowSchema, type ArrowColumn } from './arrow-schema.js';
import type { Cell, Cells } from './cells.js';

/** Rows per row group: readers that stream take one at a time. */
const ROW_GROUP = 10_000;

/** One column of vectors, each `dim` long. */
export interface VectorColumn {
  readonly name: string;
  readonly data: Float32Array;
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

/**
 * A parquet file with one row per entry of `rows`, and `vectors` as columns of float lists beside them: of
 * fixed size for readers that know Arrow's types (pyarrow, pandas, polars), plain lists for the others.
 * A column that a row lacks is null there.
 */
export function parquetBytes(
  rows: readonly Cells[],
  vectors: readonly VectorColumn[] = [],
): Uint8Array<ArrayBuffer> {
  const columnData = columnNames(rows).map((name) =>
    plainColumn(
      name,
      rows.map((row) => row[name] ?? null),
    ),
  );
  const plainSchema = columnData.length === 0 ? [] : schemaFromColumnData({ columnData }).slice(1);
  const vectorSchema = vectors.flatMap(({ name }) => [
    { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' } as const,
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 } as const,
    { name: 'element', repetition_type: 'REQUIRED', type: 'FLOAT' } as const,
  ]);
  const lists = vectors.map(({ name, data, dim }): ColumnSource => {
    const row = (at: number): number[] => Array.from(data.subarray(at * dim, (at + 1) * dim));
    return { name, data: rows.map((_, at) => row(at)), encoding: 'PLAIN', statistics: false };
  });
  // The writer refuses types beside a schema, which holds them already.
  const columns = [...columnData.map(({ name, data }) => ({ name, data })), ...lists];
  const root = { name: 'root', num_children: columns.length };
  const bytes = parquetWriteBuffer({
    columnData: columns,
    schema: [root, ...plainSchema, ...vectorSchema],
    rowGroupSize: ROW_GROUP,
    ...(vectors.length === 0
      ? {}
      : { kvMetadata: [{ key: ARROW_SCHEMA_KEY, value: arrowSchema(arrowColumns(columnData, vectors)) }] }),
    createdBy: 'diptych',
  });
  return new Uint8Array(bytes);
}
