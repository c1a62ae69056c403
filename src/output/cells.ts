/** A value of a metadata column, as it came with the input. */
export type Cell = string | number | bigint | boolean | null;

/** Metadata of one row: column name -> value. */
export type Cells = Readonly<Record<string, Cell>>;

/** A parsed JSON or parquet value as a cell: what is no plain value becomes its JSON text. */
export function toCell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint'
      ? inner.toString()
      : ArrayBuffer.isView(inner)
        ? `<${String(inner.byteLength)} bytes>`
        : inner,
  );
}

/** A cell as JSON can carry it. */
export function toJson(cell: Cell): string | number | boolean | null {
  if (typeof cell === 'bigint') {
    const number = Number(cell);
    return Number.isSafeInteger(number) ? number : cell.toString();
  }
  return cell;
}
