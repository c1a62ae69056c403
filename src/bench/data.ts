import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { encode } from 'fast-png';
import { DiptychError } from '../errors.js';
import { preprocess } from '../image/preprocess.js';
import { walk } from '../input/walk.js';
import { packageRoot } from './host.js';
import { randomGenerator } from './statistics.js';

const require = createRequire(import.meta.url);

/** As far as @julusian/jpeg-turbo is used here: it makes the inputs, before anything is timed. */
export interface JpegTurbo {
  readonly FORMAT_RGB: number;
  readonly SAMP_420: number;
  readonly compressSync: (
    raw: Buffer,
    options: { format: number; width: number; height: number; subsampling: number; quality: number },
  ) => Buffer;
  readonly decompressSync: (
    image: Buffer,
    options: { format: number },
  ) => { data: Buffer; width: number; height: number };
}

const jpegTurbo = (): JpegTurbo => {
  return require('@julusian/jpeg-turbo') as JpegTurbo;
};

const photoFolder = join(packageRoot, 'bench', 'data');
const NAMES = ['astronaut', 'chelsea', 'coffee', 'rocket'];

/** Photos that come with the benchmarks (bench/data/make.py says how they were made). */
export function photos(size: '500x375' | '640x480'): string[] {
  return NAMES.map((name) => join(photoFolder, `${name}-${size}.jpg`));
}

export function photo(name: string): string {
  return join(photoFolder, name);
}

/** Sides and quality of a phone's photo; the noise makes its size a phone's too, about 3.5 MB. */
const LARGE = { width: 4032, height: 3024, quality: 90, noise: 5 };

/**
 * A 12-megapixel JPEG (4:2:0), written to `folder`: one of the photos enlarged, with the grain that a sensor
 * has, since decoding time goes with the number of coded coefficients. The same bytes on every machine.
 */
export async function largePhoto(folder: string): Promise<string> {
  const { compressSync, decompressSync, FORMAT_RGB, SAMP_420 } = jpegTurbo();
  const source = decompressSync(await readFile(photo('coffee-640x480.jpg')), { format: FORMAT_RGB });
  const { width, height, quality, noise } = LARGE;
  const pixels = Buffer.alloc(width * height * 3);
  const random = randomGenerator(12);
  // One table of grain, read from changing places: twelve million calls would take longer than the decoding.
  const grain = Int8Array.from({ length: 65_537 }, () => Math.round((random() + random() - 1) * 2 * noise));
  const stepX = (source.width - 1) / width;
  const stepY = (source.height - 1) / height;
  const from = source.data;
  let seed = 0;
  for (let y = 0; y < height; y++) {
    const top = Math.floor(y * stepY);
    const down = y * stepY - top;
    for (let x = 0; x < width; x++) {
      const left = Math.floor(x * stepX);
      const right = x * stepX - left;
      const near = (top * source.width + left) * 3;
      const far = near + source.width * 3;
      seed = (seed + 1) % grain.length;
      const added = grain[(seed * 7919) % grain.length] ?? 0;
      for (let c = 0; c < 3; c++) {
        const above = (from[near + c] ?? 0) * (1 - right) + (from[near + 3 + c] ?? 0) * right;
        const below = (from[far + c] ?? 0) * (1 - right) + (from[far + 3 + c] ?? 0) * right;
        const value = above * (1 - down) + below * down + added;
        pixels[(y * width + x) * 3 + c] = Math.max(0, Math.min(255, Math.round(value)));
      }
    }
  }
  const file = join(folder, 'photo-12mp.jpg');
  await writeFile(
    file,
    compressSync(pixels, { format: FORMAT_RGB, width, height, subsampling: SAMP_420, quality }),
  );
  return file;
}

/** One of the photos as PNG. */
export async function pngPhoto(folder: string): Promise<string> {
  const { decompressSync, FORMAT_RGB } = jpegTurbo();
  const { data, width, height } = decompressSync(await readFile(photo('coffee-640x480.jpg')), {
    format: FORMAT_RGB,
  });
  const file = join(folder, 'photo-640x480.png');
  await writeFile(file, encode({ width, height, data: new Uint8Array(data), channels: 3, depth: 8 }));
  return file;
}

/** A photo of the user's that is left out, and why. */
export interface LeftOut {
  readonly subject: string;
  readonly reason: string;
}

export interface OwnPhotos {
  readonly files: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** How many of the user's photos are measured. */
const MOST_PHOTOS = 64;

/**
 * The first 64 of the user's photos below a folder, in the order of their names. Those that cannot be decoded are told
 * and left out: no engine is timed on them. Throws INPUT_NOT_FOUND where none is left.
 */
export async function ownPhotos(folder: string): Promise<OwnPhotos> {
  const known = new Set(['.jpg', '.jpeg', '.png', '.webp']);
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new DiptychError('INPUT_NOT_FOUND', 'no such folder; check the path', { input: folder });
  const files: string[] = [];
  const leftOut: LeftOut[] = [];
  for await (const found of walk(folder)) {
    if (!found.ok) {
      leftOut.push({ subject: found.file, reason: found.error.message });
      continue;
    }
    if (!known.has(extname(found.file).toLowerCase())) continue;
    const file = resolve(found.file);
    const { failures } = await preprocess([file], { workers: 1 });
    const [failure] = failures;
    if (failure === undefined) files.push(file);
    else leftOut.push({ subject: file, reason: `${failure.code}: ${failure.message}` });
    if (files.length === MOST_PHOTOS) break;
  }
  if (files.length > 0) return { files, leftOut };
  const [first] = leftOut;
  throw new DiptychError(
    'INPUT_NOT_FOUND',
    `holds no JPEG, PNG or WebP files that can be decoded${first === undefined ? '' : ` (${first.subject}: ${first.reason})`}`,
    { input: folder },
  );
}

/** Unit rows of normally distributed numbers, as raw float32 in a file that every host can read. */
export async function unitRows(folder: string, rows: number, dim: number, seed: number): Promise<string> {
  const name = createHash('sha1')
    .update(`${String(rows)} ${String(dim)} ${String(seed)}`)
    .digest('hex')
    .slice(0, 12);
  const file = join(folder, `rows-${name}.f32`);
  await writeFile(file, new Uint8Array(makeUnitRows(rows, dim, seed).buffer));
  return file;
}

export function makeUnitRows(rows: number, dim: number, seed: number): Float32Array<ArrayBuffer> {
  const random = randomGenerator(seed);
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      // Sum of four uniform numbers: near enough to normal, and fast.
      const value = random() + random() + random() + random() - 2;
      data[i] = value;
      sum += value * value;
    }
    const scale = 1 / Math.sqrt(sum);
    for (let i = row * dim; i < (row + 1) * dim; i++) data[i] = (data[i] ?? 0) * scale;
  }
  return data;
}
