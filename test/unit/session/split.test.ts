import { expect, test } from '@jest/globals';
import type { HostTensor } from '#diptych/session/host.js';
import { isOutOfMemory, runBackingOff, runSplit } from '#diptych/session/split.js';

/** Adds 1 to every number and checks the batch it gets. */
function increments(batch: number) {
  const sizes: number[] = [];
  const run = (feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> => {
    const feed = feeds['x'];
    if (feed === undefined || !(feed.data instanceof Float32Array)) throw new Error('no feed');
    sizes.push(feed.dims[0] ?? 0);
    expect(feed.dims[0]).toBe(batch);
    expect(feed.data.length).toBe(batch * 2);
    return Promise.resolve({
      y: { type: 'float32', data: feed.data.map((value) => value + 1), dims: [...feed.dims] },
    });
  };
  return { run, sizes };
}

test.each([1, 2, 3, 4, 5, 7])('7 rows through a graph of batch %p', async (batch) => {
  const data = Float32Array.from({ length: 14 }, (_, i) => i);
  const { run, sizes } = increments(batch);
  const outputs = await runSplit({ x: { type: 'float32', data, dims: [7, 2] } }, ['y'], batch, run);
  expect(outputs['y']?.dims).toEqual([7, 2]);
  expect(outputs['y']?.data).toEqual(data.map((value) => value + 1));
  expect(sizes.length).toBe(Math.ceil(7 / batch));
});

test('a graph with a free batch axis runs once', async () => {
  const { run, sizes } = increments(3);
  await runSplit({ x: { type: 'float32', data: new Float32Array(6), dims: [3, 2] } }, ['y'], null, run);
  expect(sizes).toEqual([3]);
});

test('batches are halved until memory suffices, and stay so', async () => {
  const sizes: number[] = [];
  const room = 3;
  const run = (feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> => {
    const rows = feeds['x']?.dims[0] ?? 0;
    sizes.push(rows);
    if (rows > room) return Promise.reject(new Error('std::bad_alloc'));
    const data = feeds['x']?.data as Float32Array;
    return Promise.resolve({ y: { type: 'float32', data: data.map((value) => -value), dims: [rows, 2] } });
  };
  const data = Float32Array.from({ length: 20 }, (_, i) => i);
  const limit = { rows: Number.MAX_SAFE_INTEGER };
  const feeds = { x: { type: 'float32', data, dims: [10, 2] } } as const;
  const outputs = await runBackingOff(feeds, ['y'], limit, run);
  expect(outputs['y']?.data).toEqual(data.map((value) => -value));
  expect(limit.rows).toBe(3);
  sizes.length = 0;
  await runBackingOff(feeds, ['y'], limit, run);
  expect(sizes).toEqual([3, 3, 3, 1]);
});

test('a single row that does not fit, or any other error, is given as it is', async () => {
  const fail = (message: string) => () => Promise.reject(new Error(message));
  const feeds = { x: { type: 'float32', data: new Float32Array(2), dims: [1, 2] } } as const;
  const limit = { rows: 8 };
  await expect(runBackingOff(feeds, ['y'], limit, fail('out of memory'))).rejects.toThrow('out of memory');
  await expect(runBackingOff(feeds, ['y'], limit, fail('shape'))).rejects.toThrow('shape');
  expect(limit.rows).toBe(8);
});

test('what counts as out of memory', () => {
  expect(isOutOfMemory(new Error('Failed to allocate memory for requested buffer of size 123'))).toBe(true);
  expect(isOutOfMemory('CUDA failure 2: out of memory')).toBe(true);
  expect(isOutOfMemory(new Error('Invalid rank for input'))).toBe(false);
});
