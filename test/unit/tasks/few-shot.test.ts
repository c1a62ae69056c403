import { describe, expect, test } from '@jest/globals';
import { fewShot, searchTipAdapter, tipAdapterLogits } from '#diptych/tasks/few-shot.js';

test('k rows of each class, the same for the same seed', () => {
  const labels = Array.from({ length: 60 }, (_, row) => [7, 2, 9][row % 3] ?? 0);
  const drawn = fewShot(labels, 4, 5);
  expect(fewShot(labels, 4, 5)).toEqual(drawn);
  expect(fewShot(labels, 4, 6)).not.toEqual(drawn);
  expect(new Set(drawn).size).toBe(12);
  for (const label of [2, 7, 9]) expect(drawn.filter((row) => labels[row] === label)).toHaveLength(4);
  expect(() => fewShot([1, 1, 2], 2)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  expect(() => fewShot([1], 0)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
});

const cache = {
  features: { data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), rows: 3, dim: 2 },
  labels: [0, 1, 1],
};
const classifier = { data: Float32Array.of(0, 1, 1, 0), rows: 2, dim: 2 };

describe('Tip-Adapter', () => {
  test("the paper's formula", async () => {
    const features = { data: Float32Array.of(0.8, 0.6), rows: 1, dim: 2 };
    const { data, rows, columns } = await tipAdapterLogits(features, cache, classifier, {
      alpha: 2,
      beta: 3,
      logitScale: 10,
    });
    expect([rows, columns]).toEqual([1, 2]);
    const say = (affinity: number): number => Math.exp(-3 * (1 - affinity));
    expect(data[0]).toBeCloseTo(10 * 0.6 + 2 * say(0.8), 5);
    expect(data[1]).toBeCloseTo(10 * 0.8 + 2 * (say(0.6) + say(0.96)), 5);
  });
  test('the search finds weights that mend wrong zero-shot labels', async () => {
    const features = { data: Float32Array.of(1, 0, 0, 1), rows: 2, dim: 2 };
    const found = await searchTipAdapter({ features, labels: [0, 1] }, cache, classifier, { logitScale: 1 });
    expect(found.accuracy).toBe(1);
    expect(found.alpha).toBeGreaterThan(0);
  });
  test('a label that is no class', async () => {
    const wrong = { features: cache.features, labels: [0, 1, 2] };
    await expect(tipAdapterLogits(cache.features, wrong, classifier)).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });
});
