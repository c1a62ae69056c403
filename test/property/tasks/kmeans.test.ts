import { expect, test } from '@jest/globals';
import { balancedSample } from '#diptych/tasks/balanced.js';
import { assignClusters } from '#diptych/tasks/centroids.js';
import { kMeans } from '#diptych/tasks/kmeans.js';
import { miniBatchKMeans } from '#diptych/tasks/mini-batch.js';
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

test('well separated clusters are found, on any number of threads, in any arithmetic', async () => {
  const features = blobs(9, 3000, 16, 12);
  for (const precision of ['auto', 'exact', 'bf16'] as const) {
    const found = await kMeans(features, { clusters: 12, seed: 3, precision, threads: 1 });
    const again = await kMeans(features, { clusters: 12, seed: 3, precision, threads: 3 });
    expect(again).toEqual(found);
    expect(found.objective / features.rows).toBeLessThan(16 / 12 + 0.1);
    expect(Array.from(found.sizes)).toEqual(Array.from({ length: 12 }, () => 250));
    for (let row = 12; row < features.rows; row++) expect(found.labels[row]).toBe(found.labels[row % 12]);
  }
});

test.each([1, 7, 16, 33, 64, 100])('bf16 with %d clusters: labels are exact at the end', async (clusters) => {
  const features = blobs(clusters, 300, 37, clusters);
  const found = await kMeans(features, { clusters, precision: 'bf16', iterations: 4 });
  const { labels, distances } = await assignClusters(features, found.centroids);
  expect(found.labels).toEqual(labels);
  expect(found.objective).toBe(distances.reduce((sum, distance) => sum + distance, 0));
});

test('mini-batches find the same clusters, and refuse what they cannot take', async () => {
  const features = blobs(9, 3000, 16, 12);
  const batches = function* (): Generator<Features> {
    for (let epoch = 0; epoch < 4; epoch++) {
      for (let from = 0; from < 3000; from += 200) {
        yield { data: features.data.slice(from * 16, (from + 200) * 16), rows: 200, dim: 16 };
      }
    }
  };
  const seen: number[] = [];
  const {
    centroids,
    rows,
    batches: count,
  } = await miniBatchKMeans(batches(), {
    clusters: 12,
    seed: 1,
    onProgress: (done) => void seen.push(done),
  });
  expect([rows, count, seen.at(-1)]).toEqual([12_000, 60, 12_000]);
  const exact = await kMeans(features, { clusters: 12, seed: 1 });
  const { labels, distances } = await assignClusters(features, centroids);
  expect(new Set(labels).size).toBe(12);
  const objective = distances.reduce((sum, distance) => sum + distance, 0);
  expect(objective / exact.objective).toBeLessThan(1.05);
  await expect(miniBatchKMeans([blobs(1, 5, 4, 2)], { clusters: 6 })).rejects.toMatchObject({
    code: 'BAD_INPUT',
  });
  await expect(miniBatchKMeans([], { clusters: 6 })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(
    miniBatchKMeans([blobs(1, 5, 4, 2), blobs(1, 5, 3, 2)], { clusters: 2 }),
  ).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' });
});

test('a balanced sample: at most so many of each cluster, the same for the same seed', () => {
  const labels = Array.from({ length: 500 }, (_, row) => (row < 400 ? 0 : row % 7));
  const kept = balancedSample(labels, 10, 4);
  expect(balancedSample(labels, 10, 4)).toEqual(kept);
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
  const counts = new Map<number, number>();
  for (const row of kept) counts.set(labels[row] ?? -1, (counts.get(labels[row] ?? -1) ?? 0) + 1);
  expect([...counts.values()]).toEqual(Array.from({ length: 7 }, () => 10));
  expect(balancedSample([3, 3], 5)).toEqual([0, 1]);
});

test('the objective never rises, and as many distinct rows as clusters give 0', async () => {
  const passes: number[] = [];
  const features = blobs(5, 800, 8, 3);
  const onProgress = (_: number, objective: number): void => void passes.push(objective);
  await kMeans(features, { clusters: 40, precision: 'exact', tolerance: 0, iterations: 12, onProgress });
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
