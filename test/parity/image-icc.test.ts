import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { preprocess } from '#diptych/image/preprocess.js';

// Made by test/fixtures/tools/make_icc.py with Pillow 13.0.0's ImageCms.
const folder = fileURLToPath(new URL('../fixtures/icc/', import.meta.url));
const { pictures } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
  readonly pictures: Readonly<
    Record<string, { converted: boolean; width: number; height: number; rgb: string }>
  >;
};

describe('colour profiles', () => {
  test.each(Object.entries(pictures))('%s: at most 1 of 255 from Pillow', async (name, expected) => {
    const { converted, width, height, rgb } = expected;
    const spec = { size: [height, width] as const, resizeMode: 'squash' as const };
    const run = (icc: boolean) =>
      preprocess([join(folder, name)], { spec: { ...spec, icc }, output: 'uint8' });
    const [ignored, applied] = [await run(false), await run(true)];
    const wanted = Buffer.from(rgb, 'hex');
    const difference = (data: Uint8Array): number =>
      wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (data[i] ?? -1))), 0);
    expect(difference(applied.data)).toBeLessThanOrEqual(1);
    // By default nothing is converted, and a profile that does not fit is said.
    if (converted) expect(difference(ignored.data)).toBeGreaterThan(5);
    else expect(Buffer.from(ignored.data).equals(Buffer.from(applied.data))).toBe(true);
    expect(applied.notices).toHaveLength(converted ? 0 : 1);
    expect(ignored.notices).toEqual([]);
  });

  test('the resize works on the converted colours, in RGB even for palettes', async () => {
    const spec = { size: 16, resizeMode: 'squash', rgb: 'after' } as const;
    const paths = ['p3.png', 'p3_palette.png'].map((name) => join(folder, name));
    const { data } = await preprocess(paths, { spec: { ...spec, icc: true }, output: 'uint8' });
    const slot = data.length / 2;
    const error =
      data.subarray(0, slot).reduce((sum, value, i) => sum + Math.abs(value - (data[slot + i] ?? 0)), 0) /
      slot;
    expect(error).toBeLessThan(12); // nearest neighbour, as for palettes without conversion, would be far off
  });
});
