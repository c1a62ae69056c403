import { joinFloats } from './join-floats.js';
import { vectorColumn, type Tower } from './layout.js';
import { parquetBytes } from './parquet.js';
import type { TableRows } from './parquet-protocol.js';

/** A parquet file of all the rows that were gathered; `dims` names the towers whose vectors are columns. */
export function tableBytes(
  gathered: readonly TableRows[],
  dims: readonly (readonly [Tower, number])[],
): Uint8Array<ArrayBuffer> {
  const ofTower = (tower: Tower): Float32Array[] =>
    gathered.flatMap(({ vectors }) => vectors.flatMap(([name, data]) => (name === tower ? [data] : [])));
  return parquetBytes(
    gathered.flatMap(({ cells }) => cells),
    dims.map(([tower, dim]) => ({ name: vectorColumn(tower), data: joinFloats(ofTower(tower)), dim })),
  );
}
