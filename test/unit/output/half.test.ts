import { describe, expect, test } from '@jest/globals';
import { floatsToHalves, halvesToFloats } from '#diptych/session/half.js';

const bits = new DataView(new ArrayBuffer(8));

/** Rounds to half precision the slow way: the nearer of two neighbours, in exact arithmetic; the even one of a tie. */
function nearestHalf(value: number, below: number, halves: Float32Array): number {
  const [down, up] = [value - (halves[below] ?? 0), (halves[below + 1] ?? 0) - value];
  if (down === up) return below + (below % 2);
  return down < up ? below : below + 1;
}

describe('half precision', () => {
  test('every half survives the way to float32 and back', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, index) => index);
    const back = floatsToHalves(halvesToFloats(all));
    const different = all.filter((half, at) => {
      const isNan = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
      return !isNan && back[at] !== half;
    });
    expect(different).toHaveLength(0);
  });

  test('rounds to the nearest, ties to even', () => {
    const positive = halvesToFloats(Uint16Array.from({ length: 0x7c00 }, (_, index) => index));
    // Between each pair of neighbours: the tie, and the next float32 on either side of it.
    for (let half = 0; half < 0x7bff; half += 7) {
      const tie = ((positive[half] ?? 0) + (positive[half + 1] ?? 0)) / 2;
      bits.setFloat32(0, tie);
      const word = bits.getUint32(0);
      const neighbours = [-1, 0, 1].map((step) => {
        bits.setUint32(0, word + step);
        return bits.getFloat32(0);
      });
      const expected = neighbours.map((value) => nearestHalf(value, half, positive));
      expect(Array.from(floatsToHalves(Float32Array.from(neighbours)))).toEqual(expected);
    }
  });

  test('the edges of the range', () => {
    const values = [65504, 65519.996, 65520, 1e9, -1e9, 2 ** -25, 2 ** -25 * 1.0001, -0, NaN, Infinity];
    expect(Array.from(floatsToHalves(Float32Array.from(values)))).toEqual([
      0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0, 1, 0x8000, 0x7e00, 0x7c00,
    ]);
  });
});
