import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

import { preprocess } from '#diptych/image/preprocess.js';

const photo = Uint8Array.from(
  readFileSync(fileURLToPath(new URL('../fixtures/images/photo_444.jpg', import.meta.url))),
);
const broken = Uint8Array.of(1, 2, 3);
/** Equal bytes: jest's own comparison takes seconds for so many values. */
const same = (a: ArrayBufferView, b: ArrayBufferView): boolean =>
  Buffer.compare(
    Buffer.from(a.buffer, a.byteOffset, a.byteLength),
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  ) === 0;

const SLOT = 3 * 224 * 224;

describe('preprocess into an array of the caller', () => {
  test('gives the same values, as a view of its beginning', async () => {
    const out = new Float32Array(3 * SLOT).fill(7);
    const fresh = await preprocess([photo, photo]);
    const { data, shape } = await preprocess([photo, photo], { out });
    expect(shape).toEqual([2, 3, 224, 224]);
    expect(data.buffer).toBe(out.buffer);
    expect(same(data, fresh.data)).toBe(true);
    expect(out.subarray(2 * SLOT).every((value) => value === 7)).toBe(true);
  });

  test('rows close ranks behind a picture that failed', async () => {
    const out = new Uint8Array(2 * SLOT);
    const { data, indices } = await preprocess([broken, photo], { out, output: 'uint8' });
    expect(indices).toEqual([1]);
    expect(data.length).toBe(SLOT);
    expect(same(data, (await preprocess([photo], { output: 'uint8' })).data)).toBe(true);
  });

  test.each([
    ['too small', new Float32Array(SLOT - 1), 'float32' as const],
    ['of another type', new Float32Array(SLOT), 'float16' as const],
  ])('%s: BAD_OPTION', async (_, out, output) => {
    await expect(preprocess([photo], { out, output })).rejects.toMatchObject({
      code: 'BAD_OPTION',
      input: 'out',
    });
  });

  test('no array at all: BAD_OPTION', async () => {
    const options: object = { out: [1, 2, 3] };
    await expect(preprocess([photo], options)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('raw pixels', () => {
  const open = (name: string): Uint8Array =>
    Uint8Array.from(readFileSync(fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url))));

  test.each([
    ['odd_227x341.jpg', 227, 341],
    ['odd_449x225.jpg', 449, 225],
    ['odd_223x225.jpg', 223, 225],
  ] as const)('of %s give what the file gives', async (name, width, height) => {
    const file = open(name);
    const asIs = { size: [height, width], resizeMode: 'squash', centerCrop: false } as const;
    const { data } = await preprocess([file], { spec: asIs, output: 'uint8' });
    // A buffer that ends with the picture: nothing behind it may be read.
    const item = { data: Uint8Array.from(data), width, height };
    for (const spec of [{}, { size: 64 }, { size: 12 }, { interpolation: 'nearest' as const }]) {
      const [ours, files] = await Promise.all([preprocess([item], { spec }), preprocess([file], { spec })]);
      expect(same(ours.data, files.data)).toBe(true);
    }
  });
});
