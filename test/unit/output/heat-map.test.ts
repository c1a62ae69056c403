import { describe, expect, test } from '@jest/globals';
import { decode } from 'fast-png';
import { drawable, glyphPixel, GLYPH_HEIGHT, GLYPH_WIDTH } from '#diptych/output/bitmap-font.js';
import { mapColor } from '#diptych/output/color-map.js';
import { heatMapPng } from '#diptych/output/heat-map.js';

/** Relative luminance of an sRGB colour. */
function luminance(color: readonly number[]): number {
  const [r = 0, g = 0, b = 0] = color.map((value) => (value / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe('colour map', () => {
  test('grows lighter all the way', () => {
    const values = Array.from({ length: 101 }, (_, step) => luminance(mapColor(step / 100)));
    for (const [at, value] of values.entries()) expect(value).toBeGreaterThanOrEqual(values[at - 1] ?? 0);
    expect(values[100]).toBeGreaterThan(0.8);
    expect(values[0]).toBeLessThan(0.05);
  });

  test('what lies outside is clamped, NaN is the lowest', () => {
    expect(mapColor(-1)).toEqual(mapColor(0));
    expect(mapColor(2)).toEqual(mapColor(1));
    expect(mapColor(NaN)).toEqual(mapColor(0));
  });
});

describe('bitmap font', () => {
  const picture = (character: string): string =>
    Array.from({ length: GLYPH_HEIGHT }, (_, y) =>
      Array.from({ length: GLYPH_WIDTH }, (__, x) => (glyphPixel(character, x, y) ? '#' : '.')).join(''),
    ).join('\n');

  test('has a picture of its own for every printable ASCII character', () => {
    const characters = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at));
    expect(new Set(characters.map(picture)).size).toBe(95);
  });

  test('draws an A', () => {
    expect(picture('A').split('\n').slice(0, 4)).toEqual(['.###.', '#...#', '#...#', '#####']);
  });

  test('takes accents off', () => {
    expect(drawable('Crème\nbrûlée')).toBe('Creme brulee');
  });
});

describe('heat map', () => {
  const names = { rows: ['cat', 'dog'], columns: ['a photo of a cat', 'a photo of a dog', 'a car'] };
  const matrix = { data: Float32Array.of(1, 0.2, 0, 0.1, 0.9, 0.3), rows: 2, columns: 3 };

  test('colours every cell by its score', () => {
    const png = decode(heatMapPng(matrix, names));
    const seen = new Set<string>();
    for (let at = 0; at < png.data.length; at += 3)
      seen.add(Array.from(png.data.subarray(at, at + 3)).join());
    for (const value of matrix.data) expect(seen).toContain(mapColor(value).join());
  });

  test('a constant matrix, an empty one, not-a-number and long names are drawn too', () => {
    expect(
      decode(heatMapPng({ data: new Float32Array(4), rows: 2, columns: 2 }, names)).width,
    ).toBeGreaterThan(0);
    expect(
      decode(heatMapPng({ data: new Float32Array(0), rows: 0, columns: 0 }, names)).width,
    ).toBeGreaterThan(0);
    const long = { rows: ['x'.repeat(500)], columns: null };
    const odd = { data: Float32Array.of(NaN, Infinity), rows: 1, columns: 2 };
    expect(decode(heatMapPng(odd, long)).width).toBeLessThan(2000);
  });

  test('a large matrix is averaged down to a picture that can be opened', () => {
    const side = 4001;
    const large = {
      data: Float32Array.from({ length: side * 3 }, (_, at) => at % 3),
      rows: side,
      columns: 3,
    };
    const png = decode(heatMapPng(large, { rows: null, columns: null }));
    expect(png.height).toBeLessThan(2000);
  });
});
