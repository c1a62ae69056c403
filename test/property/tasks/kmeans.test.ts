import { expect, test } from '@jest/globals';
import { assignClusters, kMeans } from '#diptych/tasks/kmeans.js';
import { mersenne } from '#diptych/tasks/mersenne.js';

type Features = { data: Float32Array; rows: number; dim: number };

function blobs(seed: number, rows: number, dim: number, centres: number): Features {
  const random = mersenne(seed);
  const middle = Float32Array.from({ length: centres * dim }, () => 20 * (random() - 0.5));
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const centre = row % centres;
    for (let i = 0; i < dim; i++) data[row * dim + i] = (middle[centre * dim + i] ?? 0) + random() - 0.5;
  }
  return { data, rows, dim };
}

/** Squared distance of a row to a centroid, in float64. */
function distance(a: Features, row: number, b: Features, centroid: number): number {
  let sum = 0;
  for (let i = 0; i < a.dim; i++)
    sum += ((a.data[row * a.dim + i] ?? 0) - (b.data[centroid * a.dim + i] ?? 0)) ** 2;
  return sum;
}

test.each([
  [1, 1, 1, 1],
  [2, 97, 3, 5],
  [3, 200, 33, 17],
  [4, 500, 64, 400],
])('assignments are nearest by brute force (seed %d)', async (seed, rows, dim, clusters) => {
  const features = blobs(seed, rows, dim, 7);
  const centroids = blobs(seed + 100, clusters, dim, clusters);
  const { labels, distances } = await assignClusters(features, centroids, { threads: 2 });
  for (let row = 0; row < rows; row++) {
    const all = Array.from({ length: clusters }, (_, c) => distance(features, row, centroids, c));
    const least = Math.min(...all);
    expect(all[labels[row] ?? -1]).toBeLessThanOrEqual(least + 1e-4 * (1 + least));
    expect(Math.abs((distances[row] ?? NaN) - least)).toBeLessThan(2e-4 * (1 + least));
  }
});

test('well separated clusters are found, on any number of threads, from any sample', async () => {
  const features = blobs(9, 3000, 16, 12);
  for (const sample of ['auto', 'all'] as const) {
    const found = await kMeans(features, { clusters: 12, seed: 3, sample, threads: 1 });
    const again = await kMeans(features, { clusters: 12, seed: 3, sample, threads: 3 });
    expect(again).toEqual(found);
    expect(found.objective / features.rows).toBeLessThan(16 / 12 + 0.1);
    expect(Array.from(found.sizes)).toEqual(Array.from({ length: 12 }, () => 250));
    for (let row = 12; row < features.rows; row++) expect(found.labels[row]).toBe(found.labels[row % 12]);
  }
});

test('the objective never rises, and as many distinct rows as clusters give 0', async () => {
  const passes: number[] = [];
  const features = blobs(5, 800, 8, 3);
  const onProgress = (_: number, objective: number): void => void passes.push(objective);
  await kMeans(features, { clusters: 40, sample: 'all', tolerance: 0, iterations: 12, onProgress });
  passes.slice(1).forEach((value, at) => {
    expect(value).toBeLessThanOrEqual((passes[at] ?? 0) * (1 + 1e-6));
  });
  const few = blobs(6, 10, 4, 10);
  expect((await kMeans(few, { clusters: 10, iterations: 30 })).objective).toBeLessThan(1e-3);
});

test('equal rows, unit centroids, and misuse', async () => {
  const same = { data: new Float32Array(40).fill(2), rows: 10, dim: 4 };
  const found = await kMeans(same, { clusters: 3 });
  expect(found.labels).toHaveLength(10);
  expect(found.objective).toBeLessThan(1e-2);
  const { centroids } = await kMeans(blobs(7, 100, 4, 4), { clusters: 4, spherical: true });
  for (let c = 0; c < 4; c++)
    expect(Math.hypot(...centroids.data.subarray(c * 4, c * 4 + 4))).toBeCloseTo(1, 5);
  await expect(kMeans(same, { clusters: 11 })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(kMeans(same, { clusters: 0 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  const signal = AbortSignal.abort();
  await expect(kMeans(same, { clusters: 2, signal })).rejects.toMatchObject({ code: 'ABORTED' });
});
