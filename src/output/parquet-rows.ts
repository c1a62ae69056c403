import { vectorColumn, type Tower } from './layout.js';
import { parquetPieces } from './parquet.js';
import type { TableRows } from './parquet-protocol.js';

/** Pieces of a parquet file of all the rows that were gathered; `dims` names the towers whose vectors are columns. */
export function tablePieces(
  gathered: readonly TableRows[],
  dims: readonly (readonly [Tower, number])[],
): Uint8Array<ArrayBuffer>[] {
  const ofTower = (tower: Tower): Float32Array[] =>
    gathered.flatMap(({ vectors }) => vectors.flatMap(([name, data]) => (name === tower ? [data] : [])));
  const pieces = parquetPieces(
    gathered.flatMap(({ cells }) => cells),
    dims.map(([tower, dim]) => ({ name: vectorColumn(tower), data: ofTower(tower), dim })),
  );
  return [...pieces];
}
