import type { Cells } from './cells.js';
import type { Tower } from './layout.js';

/** Rows of a table and their vectors, end to end, by tower. */
export interface TableRows {
  readonly cells: readonly Cells[];
  readonly vectors: readonly (readonly [Tower, Float32Array])[];
}

/** What the thread that writes tables is asked: to keep rows, to give the whole file, or to forget. */
export type TableRequest =
  | { readonly type: 'rows'; readonly table: number; readonly rows: TableRows }
  | {
      readonly type: 'finish';
      readonly table: number;
      /** As a check that all have come. */
      readonly count: number;
      readonly dims: readonly (readonly [Tower, number])[];
    }
  | { readonly type: 'drop'; readonly table: number };

export type TableReply =
  | { readonly type: 'file'; readonly table: number; readonly pieces: readonly Uint8Array<ArrayBuffer>[] }
  | { readonly type: 'failed'; readonly table: number; readonly message: string };
