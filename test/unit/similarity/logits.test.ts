import { describe, expect, test } from '@jest/globals';
import { cosineSimilarity } from '#diptych/similarity/cosine.js';
import { logitsOf, probabilitiesOf } from '#diptych/similarity/logits.js';

/** Rows of small whole numbers, none of them zero. */
function rows(count: number, dim: number, seed: number) {
  const data = Float32Array.from({ length: count * dim }, (_, i) => ((i * 7 + seed * 13 + i * i) % 11) - 5);
  for (let row = 0; row < count; row++) data[row * dim] = 1 + (row % 3);
  return { data, rows: count, dim };
}

describe('logits', () => {
  const images = rows(70, 40, 1);
  const texts = rows(83, 40, 2);

  test('are scale times cosine plus bias, rounded to float once', async () => {
    const cosines = await cosineSimilarity(images, texts);
    const { data, rows: count, columns } = await logitsOf(images, texts, { scale: 100, bias: -3.25 });
    expect([count, columns]).toEqual([70, 83]);
    expect(data).toEqual(cosines.data.map((cosine) => cosine * 100 - 3.25));
  });

  test.each(['softmax', 'sigmoid'] as const)(
    '%s in the addon equals that of the logits',
    async (activation) => {
      const options = { scale: 60, bias: 2, precision: 'exact' } as const;
      const plain = await logitsOf(images, texts, options);
      const expected = probabilitiesOf(plain, activation);
      const actual = await logitsOf(images, texts, { ...options, activation, threads: 2 });
      expect(
        Math.max(...actual.data.map((value, i) => Math.abs(value - (expected.data[i] ?? NaN)))),
      ).toBeLessThan(1e-7);
      if (activation === 'sigmoid') return;
      for (let row = 0; row < 70; row++) {
        const sum = actual.data.subarray(row * 83, (row + 1) * 83).reduce((total, value) => total + value, 0);
        expect(Math.abs(sum - 1)).toBeLessThan(1e-5);
      }
    },
  );

  test('a softmax of huge logits does not overflow', async () => {
    const one = { data: Float32Array.of(1, 0), rows: 1, dim: 2 };
    const two = { data: Float32Array.of(1, 0, -1, 0), rows: 2, dim: 2 };
    const { data } = await logitsOf(one, two, { scale: 1e30, activation: 'softmax' });
    expect(Array.from(data)).toEqual([1, 0]);
  });

  test('of several vectors an image the largest cosine counts', async () => {
    const single = await logitsOf(images, texts, { scale: 10 });
    const grouped = await logitsOf({ ...images, rows: 14, vectors: 5 }, texts, { scale: 10 });
    expect(grouped.rows).toBe(14);
    for (let image = 0; image < 14; image++) {
      for (let text = 0; text < 83; text++) {
        const all = [0, 1, 2, 3, 4].map((vector) => single.data[(image * 5 + vector) * 83 + text] ?? NaN);
        expect(grouped.data[image * 83 + text]).toBe(Math.max(...all));
      }
    }
  });

  test('no images or no texts give an empty matrix', async () => {
    const none = { data: new Float32Array(0), rows: 0, dim: 40 };
    expect((await logitsOf(none, texts, { activation: 'softmax' })).data).toHaveLength(0);
    expect((await logitsOf({ ...none, vectors: 4 }, texts)).data).toHaveLength(0);
    expect((await logitsOf(images, none, { activation: 'softmax' })).columns).toBe(0);
  });

  test.each([
    ['scale', { scale: NaN }],
    ['bias', { bias: '1' }],
    ['activation', { activation: 'relu' }],
    ['metric', { metric: 'dot' }],
  ])('a wrong %s is an error', async (input, options) => {
    const call = logitsOf(images, texts, options as object);
    await expect(call).rejects.toMatchObject({ code: 'BAD_OPTION', input });
  });

  test.each([0, 1.5, NaN, '2'])('vectors of %p are an error', async (vectors) => {
    const call = logitsOf({ ...images, vectors: vectors as number }, texts);
    await expect(call).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
