import { readFileSync } from 'node:fs';

/** Raw float32 rows of a file. */
export function readRows(file, dim, count = Infinity) {
  const bytes = readFileSync(file);
  const rows = Math.min(bytes.byteLength / 4 / dim, count);
  return { data: new Float32Array(bytes.buffer, bytes.byteOffset, rows * dim), rows };
}
