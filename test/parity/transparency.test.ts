import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preprocess } from '#diptych/index.js';
import { resolveSpec, type Interpolation, type Transparency } from '#diptych/image/spec.js';
import { readHuggingFaceSpec } from '#diptych/models/preprocess-config.js';

// What transformers makes of pictures with transparency; fixtures/tools/transparency.py wrote it.
const folder = fileURLToPath(new URL('../fixtures/transparency', import.meta.url));

interface Golden {
  readonly side: number;
  readonly pixels: Readonly<Record<string, Readonly<Record<Transparency, string>>>>;
  readonly processors: readonly {
    readonly config: Readonly<Record<string, unknown>>;
    readonly transparency: Transparency;
    readonly resample: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
  }[];
}

const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as Golden;
const names = Object.keys(golden.pixels);
const FILTERS: readonly Interpolation[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

describe('transparency', () => {
  test.each<Transparency>(['keep', 'white', 'blend'])('%s', async (transparency) => {
    const { data, indices, failures } = await preprocess(
      names.map((name) => join(folder, name)),
      { spec: { size: golden.side, resizeMode: 'squash', transparency }, output: 'uint8' },
    );
    expect(failures).toEqual([]);
    const slot = golden.side ** 2 * 3;
    const found = new Map(
      indices.map((index, row): [string | undefined, string] => [
        names[index],
        createHash('sha256')
          .update(data.subarray(row * slot, (row + 1) * slot))
          .digest('hex'),
      ]),
    );
    expect(found).toEqual(new Map(names.map((name) => [name, golden.pixels[name]?.[transparency]])));
  });

  test('the rules differ on the pictures that have transparency', () => {
    const differing = (a: Transparency, b: Transparency): string[] =>
      names.filter((name) => golden.pixels[name]?.[a] !== golden.pixels[name]?.[b]);
    expect(differing('keep', 'white')).toEqual([
      'l_colour.png',
      'p_index.gif',
      'p_index.png',
      'rgb_colour.png',
    ]);
    expect(differing('white', 'blend')).toEqual([
      'la.png',
      'p_alphas.png',
      'rgba.png',
      'rgba.webp',
      'rgba_hard.png',
    ]);
  });

  test.each(golden.processors)(
    '$config.image_processor_type, do_convert_rgb $config.do_convert_rgb',
    (one) => {
      const spec = readHuggingFaceSpec(one.config, 'preprocessor_config.json');
      expect(spec.transparency).toBe(one.transparency);
      expect(spec.interpolation).toBe(FILTERS[one.resample]);
      expect(spec.mean).toEqual(one.mean);
      expect(spec.std).toEqual(one.std);
    },
  );

  test('without the key it follows from the others', () => {
    expect(resolveSpec({}).transparency).toBe('white');
    expect(resolveSpec({ resizeMode: 'squash', size: 32, resizeTo: 32 }).transparency).toBe('white');
    expect(resolveSpec({ rgb: 'after' }).transparency).toBe('keep');
    expect(resolveSpec({ cropRounding: 'half-even' }).transparency).toBe('keep');
    expect(resolveSpec({ resizeMode: 'longest' }).transparency).toBe('keep');
    expect(resolveSpec({ resizeMode: 'squash', size: 289, resizeTo: 346 }).transparency).toBe('keep');
    expect(resolveSpec({ cropRounding: 'half-even', transparency: 'blend' }).transparency).toBe('blend');
    expect(() => resolveSpec({ rgb: 'after', transparency: 'white' })).toThrow(/transparency 'keep'/);
    expect(() => resolveSpec({ transparency: 'gone' })).toThrow(/transparency/);
  });
});
