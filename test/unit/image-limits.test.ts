import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { preprocess } from '#diptych/image/preprocess.js';

import { FIXTURES } from '../parity/image-rules.js';

const image = (name: string): Buffer => readFileSync(join(FIXTURES[0] ?? '', 'images', name));
const codes = async (bytes: Uint8Array, options = {}): Promise<string[]> =>
  (await preprocess([bytes], options)).failures.map(({ code }) => code);

/** A gray PGM of so many pixels that no machine reads it within a millisecond. */
const large = (): Buffer => Buffer.concat([Buffer.from('P5 8000 8000 255\n'), Buffer.alloc(64_000_000, 7)]);

/** A progressive JPEG whose last scan is there `times` times. */
function manyScans(times: number): Buffer {
  const bytes = image('photo_420_progressive.jpg');
  const last = bytes.lastIndexOf(Buffer.from([0xff, 0xda]));
  const end = bytes.lastIndexOf(Buffer.from([0xff, 0xd9]));
  const scan = bytes.subarray(last, end);
  return Buffer.concat([
    bytes.subarray(0, end),
    ...Array.from({ length: times }, () => scan),
    bytes.subarray(end),
  ]);
}

describe('limits on single pictures', () => {
  test('time: IMAGE_TIMEOUT names the limit', async () => {
    const { failures } = await preprocess([large()], { imageTimeoutMs: 1 });
    expect(failures).toMatchObject([
      { code: 'IMAGE_TIMEOUT', message: expect.stringMatching(/limit of 1 ms/) },
    ]);
    expect(await codes(large(), { imageTimeoutMs: 0 })).toEqual([]);
  });

  test('a picture that is done in time is the same as without a limit, with any number of scans', async () => {
    for (const bytes of [
      image('photo_420_progressive.jpg'),
      manyScans(20),
      manyScans(100),
      image('adam7.png'),
    ]) {
      const [without, within] = [
        await preprocess([bytes], { output: 'uint8' }),
        await preprocess([bytes], { output: 'uint8', imageTimeoutMs: 100_000 }),
      ];
      expect(within.failures).toEqual(without.failures);
      expect(Buffer.from(within.data).equals(Buffer.from(without.data))).toBe(true);
    }
  });

  test('a file with more scans than any encoder writes is refused, with a limit or without', async () => {
    expect(await codes(manyScans(1200))).toEqual(['IMAGE_CORRUPT']);
    expect(await codes(manyScans(1200), { imageTimeoutMs: 100_000 })).toEqual(['IMAGE_CORRUPT']);
  });

  test('pixels and bytes', async () => {
    const bytes = image('photo_444.jpg');
    expect(await codes(bytes, { maxBytes: bytes.length - 1 })).toEqual(['IMAGE_TOO_LARGE']);
    expect(await codes(bytes, { maxBytes: bytes.length })).toEqual([]);
    expect(await codes(bytes, { maxPixels: 99 })).toEqual(['IMAGE_TOO_LARGE']);
  });
});

describe('what is not read is refused by its name, whatever the file is called', () => {
  const svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
  test.each([
    ['SVG', Buffer.from(svg)],
    ['SVG', Buffer.from(`\ufeff  <!-- a picture -->${svg.slice(22)}`)],
    ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n<< >>\nendobj\n')],
    ['PostScript', Buffer.from('%!PS-Adobe-3.0 EPSF-3.0\n')],
    ['AVIF', Buffer.from('\0\0\0\x20ftypavif\0\0\0\0avifmif1', 'latin1')],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
    ['JPEG XL', Buffer.from([0xff, 0x0a, 0x00, 0x10])],
    ['JPEG 2000', Buffer.from([0xff, 0x4f, 0xff, 0x51, 0x00])],
    ['ICO', Buffer.from([0, 0, 1, 0, 1, 0, 16, 16])],
    ['PSD', Buffer.from('8BPS\0\x01', 'latin1')],
    ['XPM', Buffer.from('/* XPM */\nstatic char * x[] = {"1 1 1 1"};')],
    ['OpenEXR', Buffer.from([0x76, 0x2f, 0x31, 0x01, 2, 0, 0, 0])],
    ['Matlab', Buffer.from('MATLAB 5.0 MAT-file')],
    ['HTML', Buffer.from('<!DOCTYPE html><html><body>404</body></html>')],
    ['is no picture of a known format', Buffer.from('push graphic-context\nviewbox 0 0 9 9\n')],
    ['is no picture of a known format', Buffer.from('hello')],
  ])('%s', async (name, bytes) => {
    const { failures } = await preprocess([bytes]);
    expect(failures).toMatchObject([{ code: 'IMAGE_UNSUPPORTED', message: expect.stringContaining(name) }]);
  });

  test('an OpenSlide (tiled TIFF) slide is just a TIFF, and a 12-bit JPEG says its depth', async () => {
    const twelve = Buffer.from(image('photo_444.jpg'));
    twelve[twelve.indexOf(Buffer.from([0xff, 0xc0])) + 4] = 12;
    const { failures } = await preprocess([twelve]);
    expect(failures).toMatchObject([
      { code: 'IMAGE_UNSUPPORTED', message: expect.stringContaining('12-bit') },
    ]);
  });
});

describe('types of the output', () => {
  const bfloat16 = (value: number): number => {
    const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
    return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  };

  test('bfloat16 is float32 rounded to nearest even', async () => {
    const paths = ['photo_444.jpg', 'cmyk.jpg'].map((name) => join(FIXTURES[0] ?? '', 'images', name));
    const [float, half] = [await preprocess(paths), await preprocess(paths, { output: 'bfloat16' })];
    expect(half.data).toBeInstanceOf(Uint16Array);
    expect(half.shape).toEqual(float.shape);
    expect(float.data.every((value, i) => bfloat16(value) === half.data[i])).toBe(true);
  });

  test('float16 is within half a unit of the last place', async () => {
    const path = join(FIXTURES[0] ?? '', 'images', 'photo_444.jpg');
    const [float, half] = [await preprocess([path]), await preprocess([path], { output: 'float16' })];
    const toNumber = (bits: number): number => {
      const exponent = (bits >> 10) & 31;
      const fraction = (bits & 1023) / 1024;
      const size = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
      return (bits & 0x8000) === 0 ? size : -size;
    };
    const worst = float.data.reduce((most, value, i) => {
      const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1))) - 10);
      return Math.max(most, Math.abs(value - toNumber(half.data[i] ?? 0)) / unit);
    }, 0);
    expect(worst).toBeLessThanOrEqual(0.5);
  });
});
