import { describe, expect, test } from '@jest/globals';

import { DiptychError } from '#diptych/errors.js';
import { preprocess } from '#diptych/image/preprocess.js';
import { CLIP_SPEC, resolveSpec, toNativeSpec } from '#diptych/image/spec.js';

const raw = (width: number, height: number) => ({ data: new Uint8Array(3 * width * height), width, height });

describe('resolveSpec', () => {
  test("missing keys take CLIP's values", () => {
    expect(resolveSpec()).toEqual(CLIP_SPEC);
    expect(resolveSpec({ size: 336 })).toEqual({ ...CLIP_SPEC, size: 336 });
  });

  test('an unknown key is refused with the nearest known one', () => {
    expect(() => resolveSpec({ interpolaton: 'bicubic' })).toThrow(/interpolation/);
  });

  test.each([
    ['a size of 0', { size: 0 }],
    ['a size that is not whole', { size: 224.5 }],
    ['three sides', { size: [1, 2, 3] }],
    ['NaN', { rescale: Number.NaN }],
    ['a mean of two numbers', { mean: [0, 0] }],
    ['a std of 0', { std: [1, 0, 1] }],
    ['an unknown filter', { interpolation: 'cubic' }],
    ['a fill beyond a byte', { fill: 256 }],
    ['no crop with shortest', { centerCrop: false }],
    ['resizeTo with longest', { resizeMode: 'longest', resizeTo: 300 }],
  ])('%s is BAD_OPTION', (_, spec) => {
    expect(() => resolveSpec(spec)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });

  test('the addon gets both sides of both sizes', () => {
    const native = toNativeSpec(resolveSpec({ size: [2, 3], resizeMode: 'squash', fill: 7 }));
    expect(native).toMatchObject({ height: 2, width: 3, resizeHeight: 2, resizeWidth: 3, fill: [7, 7, 7] });
  });
});

describe('preprocess', () => {
  test.each([
    ['items that are no array', 'cat.jpg'],
    ['a number as an item', [1]],
    ['null as an item', [null]],
    ['an http URL', [new URL('http://example.invalid/cat.jpg')]],
    ['raw pixels that are too few', [{ data: new Uint8Array(3), width: 2, height: 1 }]],
    ['raw pixels of the wrong kind', [{ data: new Float32Array(3), width: 1, height: 1 }]],
    ['a size that is not a number', [{ data: new Uint8Array(3), width: 'one', height: 1 }]],
    ['memory that others write', [new Uint8Array(new SharedArrayBuffer(8))]],
  ])('%s are BAD_INPUT', async (_, items) => {
    // @ts-expect-error what users of plain JavaScript may pass
    await expect(preprocess(items)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('a detached array is BAD_INPUT', async () => {
    const bytes = new Uint8Array(8);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await expect(preprocess([bytes])).rejects.toBeInstanceOf(DiptychError);
  });

  test('no items give no rows', async () => {
    const { data, shape, failures } = await preprocess([]);
    expect([data.length, shape, failures]).toEqual([0, [0, 3, 224, 224], []]);
  });

  test('each kind of failure has its code, and the others keep their place', async () => {
    const items = ['/nowhere/cat.jpg', raw(4, 4), '/', new Uint8Array(0), raw(4, 4)];
    const { shape, indices, failures } = await preprocess(items, { spec: { size: 4 }, output: 'uint8' });
    expect(shape).toEqual([2, 4, 4, 3]);
    expect(indices).toEqual([1, 4]);
    expect(failures.map(({ index, code }) => [index, code])).toEqual([
      [0, 'INPUT_NOT_FOUND'],
      [2, 'INPUT_UNREADABLE'],
      [3, 'IMAGE_EMPTY'],
    ]);
  });

  test('a side that would vanish is IMAGE_SIZE', async () => {
    const { failures } = await preprocess([raw(1, 2000)], { spec: { resizeMode: 'longest' } });
    expect(failures[0]?.code).toBe('IMAGE_SIZE');
  });

  test('limits are on what the file declares', async () => {
    const tooLarge = await preprocess(['test/fixtures/images/rgb.png'], { maxPixels: 100 });
    expect(tooLarge.failures[0]?.code).toBe('IMAGE_TOO_LARGE');
    const tooLong = await preprocess(['test/fixtures/images/rgb.png'], { maxBytes: 100 });
    expect(tooLong.failures[0]?.code).toBe('IMAGE_TOO_LARGE');
  });

  test('an aborted signal rejects with ABORTED', async () => {
    const signal = AbortSignal.abort();
    await expect(preprocess([raw(4, 4)], { signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('padding lies around the picture, half of what is missing in front', async () => {
    const white = { data: new Uint8Array(3 * 4 * 2).fill(255), width: 4, height: 2 };
    const spec = { size: 4, resizeMode: 'longest', fill: [1, 2, 3] } as const;
    const { data } = await preprocess([white], { spec, output: 'uint8' });
    const rows = [0, 1, 2, 3].map((y) => [...data.subarray(12 * y, 12 * y + 3)]);
    expect(rows).toEqual([
      [1, 2, 3],
      [255, 255, 255],
      [255, 255, 255],
      [1, 2, 3],
    ]);
  });

  test('fast decoding stays near the exact pixels', async () => {
    const file = 'test/fixtures/images/photo_large.jpg';
    const spec = { size: 64 };
    const exact = await preprocess([file], { spec, output: 'uint8' });
    const fast = await preprocess([file], { spec, output: 'uint8', decode: 'fast' });
    const squares = exact.data.reduce((sum, value, i) => sum + (value - (fast.data[i] ?? 0)) ** 2, 0);
    expect(Math.sqrt(squares / exact.data.length)).toBeLessThan(3); // a small, sharp picture: the worst case; large photos stay below 1
    expect(fast.data).not.toEqual(exact.data);
  });
});
