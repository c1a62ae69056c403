import { describe, expect, test } from '@jest/globals';
import { bucketBelow, bucketPlan, CUDA_BATCHES } from '#diptych/session/buckets.js';
import type { HostTensor } from '#diptych/session/host.js';
import { runInBuckets } from '#diptych/session/split.js';

describe('bucketPlan', () => {
  test.each([
    [1, [1]],
    [2, [8]],
    [8, [8]],
    [9, [8, 1]],
    [20, [32]],
    [44, [32, 8, 8]],
    [100, [128]],
    [257, [256, 1]],
    [600, [256, 256, 128]],
  ])('%p rows', (rows, plan) => {
    expect(bucketPlan(rows, Number.MAX_SAFE_INTEGER)).toEqual(plan);
  });

  test('every plan is of known sizes, holds all rows, and pads only its last run', () => {
    const known: readonly number[] = CUDA_BATCHES;
    const wrong: unknown[] = [];
    for (const limit of [1, 8, 32, 128, 256, Number.MAX_SAFE_INTEGER]) {
      for (let rows = 1; rows <= 600; rows++) {
        const plan = bucketPlan(rows, limit);
        const before = plan.slice(0, -1).reduce((sum, size) => sum + size, 0);
        const right =
          plan.every((size) => known.includes(size) && size <= limit) &&
          before < rows &&
          before + (plan.at(-1) ?? 0) >= rows;
        if (!right) wrong.push({ rows, limit, plan });
      }
    }
    expect(wrong).toEqual([]);
  });

  test('below each size is the next smaller one', () => {
    expect([256, 128, 32, 8, 1].map(bucketBelow)).toEqual([128, 32, 8, 1, 0]);
  });
});

describe('runInBuckets', () => {
  const feed = (rows: number): Record<string, HostTensor> => ({
    x: { type: 'float32', data: Float32Array.from({ length: rows * 2 }, (_, i) => i), dims: [rows, 2] },
  });
  const graph = (room: number) => {
    const shapes: number[] = [];
    const run = (feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> => {
      const x = feeds['x'];
      if (x === undefined || !(x.data instanceof Float32Array)) throw new Error('no feed');
      const rows = x.dims[0] ?? 0;
      shapes.push(rows);
      if (rows > room) return Promise.reject(new Error('CUDA out of memory'));
      return Promise.resolve({ y: { ...x, data: x.data.map((value) => value + 1) } });
    };
    return { run, shapes };
  };

  test.each([1, 5, 8, 44, 130, 300])('%p rows come back whole and in order', async (rows) => {
    const { run, shapes } = graph(256);
    const outputs = await runInBuckets(feed(rows), ['y'], { rows: Number.MAX_SAFE_INTEGER }, run);
    expect(outputs['y']?.dims).toEqual([rows, 2]);
    expect(outputs['y']?.data).toEqual(Float32Array.from({ length: rows * 2 }, (_, i) => i + 1));
    expect(shapes).toEqual(bucketPlan(rows, Number.MAX_SAFE_INTEGER));
  });

  test('out of memory: the next smaller size, also for the batches that follow', async () => {
    const { run, shapes } = graph(32);
    const limit = { rows: Number.MAX_SAFE_INTEGER };
    const outputs = await runInBuckets(feed(256), ['y'], limit, run);
    expect(outputs['y']?.dims).toEqual([256, 2]);
    expect(limit.rows).toBe(32);
    expect(shapes).toEqual([256, 128, ...new Array<number>(8).fill(32)]);
    shapes.length = 0;
    await runInBuckets(feed(64), ['y'], limit, run);
    expect(shapes).toEqual([32, 32]);
  });

  test('one row that does not fit is an error', async () => {
    await expect(runInBuckets(feed(3), ['y'], { rows: 256 }, graph(0).run)).rejects.toThrow('out of memory');
  });
});
