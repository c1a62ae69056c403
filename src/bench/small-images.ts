import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { JpegTurbo } from './data.js';
import { photos } from './data.js';

const require = createRequire(import.meta.url);

const SIDE = 96;

/** Inputs of one kind each for a whole run. */
export interface SmallImages {
  readonly tar: string;
  readonly parquet: string;
  readonly jsonl: string;
}

/** Square pieces of the photos as JPEGs of about 4 KB, no two of the same place. */
async function pieces(count: number): Promise<Buffer[]> {
  const { compressSync, decompressSync, FORMAT_RGB, SAMP_420 } = require('@julusian/jpeg-turbo') as JpegTurbo;
  const sources = await Promise.all(
    photos('500x375').map(async (file) => decompressSync(await readFile(file), { format: FORMAT_RGB })),
  );
  return Array.from({ length: count }, (_, i) => {
    const source = sources[i % sources.length] ?? {
      data: Buffer.alloc(SIDE * SIDE * 3),
      width: SIDE,
      height: SIDE,
    };
    const left = (i * 37) % (source.width - SIDE + 1);
    const top = (i * 53) % (source.height - SIDE + 1);
    const pixels = Buffer.alloc(SIDE * SIDE * 3);
    for (let y = 0; y < SIDE; y++) {
      const from = ((top + y) * source.width + left) * 3;
      source.data.copy(pixels, y * SIDE * 3, from, from + SIDE * 3);
    }
    const size = { width: SIDE, height: SIDE, subsampling: SAMP_420, quality: 85 };
    return compressSync(pixels, { format: FORMAT_RGB, ...size });
  });
}

/** `count` small images as a webdataset, as a table that holds them, and as a list of files; written to `folder`. */
export async function smallImages(folder: string, count: number): Promise<SmallImages> {
  const { pack } = await import('tar-stream');
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const images = await pieces(count);
  const name = (i: number): string => `${String(i).padStart(6, '0')}.jpg`;
  const files = join(folder, 'small-images');
  await mkdir(files, { recursive: true });
  const tar = join(folder, 'small-images.tar');
  const archive = pack();
  const written = pipeline(archive, createWriteStream(tar));
  for (const [i, image] of images.entries()) {
    await writeFile(join(files, name(i)), image);
    archive.entry({ name: name(i) }, image);
    archive.entry({ name: name(i).replace('.jpg', '.json') }, JSON.stringify({ number: i }));
  }
  archive.finalize();
  await written;
  const parquet = join(folder, 'small-images.parquet');
  const table = parquetWriteBuffer({
    columnData: [
      { name: 'jpg', data: images.map((image) => new Uint8Array(image)), type: 'BYTE_ARRAY' },
      { name: 'number', data: images.map((_, i) => BigInt(i)), type: 'INT64' },
    ],
    rowGroupSize: 500,
  });
  await writeFile(parquet, new Uint8Array(table));
  const jsonl = join(folder, 'small-images.jsonl');
  const rows = images.map((_, i) => JSON.stringify({ image_path: join(files, name(i)), number: i }));
  await writeFile(jsonl, `${rows.join('\n')}\n`);
  return { tar, parquet, jsonl };
}
