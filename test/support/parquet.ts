import type { Cells } from '#diptych/output/cells.js';
import { parquetPieces, type VectorColumn } from '#diptych/output/parquet.js';

/** A whole parquet file. */
export function parquetBytes(
  rows: readonly Cells[],
  vectors: readonly VectorColumn[] = [],
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([...parquetPieces(rows, vectors)]));
}
