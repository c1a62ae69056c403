import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npyHeader } from '#diptych/output/npy.js';

/** Writes rows of three kinds that a probe can tell apart; returns the file. */
export async function sampleRows(folder: string, name: string, rows: number, dim: number): Promise<string> {
  const data = Float32Array.from({ length: rows * dim }, (_, i) =>
    (i % dim) % 3 === Math.floor(i / dim) % 3 ? 1 : ((i * 7919) % 101) / 300,
  );
  const file = join(folder, name);
  await writeFile(file, Buffer.concat([npyHeader('<f4', [rows, dim]), new Uint8Array(data.buffer)]));
  return file;
}
