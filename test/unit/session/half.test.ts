import { describe, expect, test } from '@jest/globals';
import { floatsToHalves, halfToNumber, halvesToFloats, numberToHalf } from '#diptych/session/half.js';

describe('half precision', () => {
  test('every half survives the way to a number and back', () => {
    const changed: number[] = [];
    for (let half = 0; half < 65536; half++) {
      const number = halfToNumber(half);
      const back = numberToHalf(number);
      if (Number.isNaN(number) ? (back & 0x7fff) <= 0x7c00 : back !== half) changed.push(half);
    }
    expect(changed).toEqual([]);
  });

  test('rounds to the nearest half, ties to even', () => {
    // Between two neighbouring halves: the nearer one, at the middle the even one.
    const wrong: number[] = [];
    for (let half = 0; half < 0x7bff; half++) {
      const low = halfToNumber(half);
      const step = halfToNumber(half + 1) - low;
      const even = half % 2 === 0 ? half : half + 1;
      const rounded = [0.25, 0.5, 0.75].map((part) => numberToHalf(low + step * part));
      if (rounded[0] !== half || rounded[1] !== even || rounded[2] !== half + 1) wrong.push(half);
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-65520, 0xfc00],
    [Infinity, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [2 ** -25 * 1.01, 1],
    [-0, 0x8000],
    [1, 0x3c00],
  ])('%p becomes %p', (number, half) => {
    expect(numberToHalf(number)).toBe(half);
  });

  test('arrays', () => {
    const floats = Float32Array.of(0, 1, -2.5, 0.333251953125);
    expect(halvesToFloats(floatsToHalves(floats))).toEqual(floats);
  });
});
