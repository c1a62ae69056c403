import type { SchemaTree } from 'hyparquet';
import type { ErrorParts } from '../errors.js';

export type ParquetRow = Record<string, unknown>;

/** The next answer is wanted. */
export type ParquetRequest = 'next';

/** The columns first, then the rows in order, some at a time. Nothing follows an end or a failure. */
export type ParquetReply =
  | { readonly type: 'schema'; readonly names: string[]; readonly bytesColumns: string[] }
  | { readonly type: 'rows'; readonly rows: readonly unknown[] }
  | { readonly type: 'end' }
  | ({ readonly type: 'failed' } & ErrorParts);

/** Columns of bytes that are not said to be text. */
export function bytesColumns(columns: readonly SchemaTree[]): string[] {
  return columns
    .map(({ element }) => element)
    .filter(
      ({ type, converted_type: converted, logical_type: logical }) =>
        type === 'BYTE_ARRAY' && converted === undefined && logical === undefined,
    )
    .map(({ name }) => name);
}
