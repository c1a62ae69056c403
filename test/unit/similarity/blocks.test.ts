import { describe, expect, test } from '@jest/globals';
import { topKBlocks, type RowBlocks } from '#diptych/similarity/blocks.js';
import { rangeSearchBlocks, similarPairsOfBlocks } from '#diptych/similarity/range-blocks.js';
import { rangeSearch, similarPairs, type Pairs } from '#diptych/similarity/range.js';
import type { Rows } from '#diptych/similarity/rows.js';
import { topK } from '#diptych/similarity/topk.js';

const dim = 48;

/** Rows of a few kinds with copies among them, so that scores tie across blocks. */
function sample(rows: number): Rows {
  const data = Float32Array.from({ length: rows * dim }, (_, i) => {
    const row = Math.floor(i / dim);
    return Math.sin((row % 7 === 0 ? row % 21 : row) * 3.7 + (i % dim) * 1.3) + 0.4;
  });
  data.fill(0, 2 * dim, 3 * dim);
  return { data, rows, dim };
}

function inBlocks({ data, rows }: Rows, step: number): RowBlocks {
  return {
    rows,
    dim,
    // eslint-disable-next-line @typescript-eslint/require-await -- as an iterable whose blocks come from disk
    async *blocks() {
      for (let first = 0; first < rows; first += step) {
        const count = Math.min(step, rows - first);
        // The memory of a block is used again once the next one is asked for.
        const block = data.slice(first * dim, (first + count) * dim);
        yield { data: block, rows: count, dim };
        block.fill(NaN);
      }
    },
  };
}

const rows = sample(400);
const queries = sample(70);

describe.each([13, 150, 399, 5000])('blocks of %i rows give what memory gives', (step) => {
  const source = inBlocks(rows, step);

  test.each(['exact', 'fp32'] as const)('top-k, %s', async (precision) => {
    for (const metric of ['cosine', 'dot'] as const) {
      const options = { precision, metric };
      expect(await topKBlocks(queries, source, 6, options)).toEqual(await topK(queries, rows, 6, options));
      const few = { data: queries.data.subarray(0, 3 * dim), rows: 3, dim };
      expect(await topKBlocks(few, source, 950, options)).toEqual(await topK(few, rows, 950, options));
    }
  });

  test.each(['exact', 'fp32'] as const)('range search, %s', async (precision) => {
    for (const threshold of [0.9, 0, -1]) {
      const found = await rangeSearchBlocks(queries, source, threshold, { precision });
      expect(found).toEqual(await rangeSearch(queries, rows, threshold, { precision }));
      expect(found.rows.length).toBeGreaterThan(0);
    }
  });
});

async function gathered(batches: AsyncIterable<Pairs>): Promise<string[]> {
  const all: string[] = [];
  for await (const { queries: a, rows: b, scores } of batches) {
    a.forEach((query, i) => all.push(`${String(query)} ${String(b[i])} ${String(scores[i])}`));
  }
  return all.sort();
}

test.each([1, 100, 450, 5000])('pairs of one set in blocks of %i rows are the same pairs', async (step) => {
  const few = step === 1 ? sample(60) : rows;
  const seen: number[] = [];
  const onProgress = (done: number, total: number) => {
    expect(total).toBe(few.rows);
    seen.push(done);
  };
  const found = await gathered(similarPairsOfBlocks(inBlocks(few, step), 0.95, { onProgress }));
  expect(found).toEqual(await gathered(similarPairs(few, 0.95)));
  expect(found.length).toBeGreaterThan(few.rows);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(seen.at(-1)).toBe(few.rows);
});

test('a value that is not finite is told with its place in the whole', async () => {
  const bad = sample(500);
  bad.data[431 * dim + 5] = NaN;
  const source = inBlocks(bad, 200);
  const told = { code: 'BAD_INPUT', message: expect.stringMatching(/^rows: row 431 holds a NaN/) as unknown };
  await expect(topKBlocks(queries, source, 3)).rejects.toMatchObject(told);
  await expect(rangeSearchBlocks(queries, source, 0.5)).rejects.toMatchObject(told);
  await expect(gathered(similarPairsOfBlocks(source, 0.5))).rejects.toMatchObject(told);
});

test('no rows, no queries, and what cannot be', async () => {
  const none = inBlocks(sample(0), 10);
  expect(await topKBlocks(queries, none, 3)).toMatchObject({ rows: 70, k: 0 });
  expect((await rangeSearchBlocks(queries, none, 0)).rows).toHaveLength(0);
  expect(await gathered(similarPairsOfBlocks(none, 0))).toEqual([]);
  const source = inBlocks(rows, 100);
  const nobody = { data: new Float32Array(0), rows: 0, dim };
  expect(await topKBlocks(nobody, source, 3)).toMatchObject({ rows: 0, k: 3 });
  const other = { data: new Float32Array(3), rows: 1, dim: 3 };
  await expect(topKBlocks(other, source, 3)).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' });
  await expect(rangeSearchBlocks(other, source, 0)).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' });
  await expect(topKBlocks(queries, source, 0)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  const lying = { ...inBlocks(rows, 100), rows: 2000 };
  await expect(topKBlocks(queries, lying, 1000)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(topKBlocks(queries, { ...none, rows: 5 }, 1)).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('limits count over all blocks, and all calls', async () => {
  const all = (await rangeSearch(queries, rows, 0)).rows.length;
  const source = inBlocks(rows, 100);
  expect((await rangeSearchBlocks(queries, source, 0, { limit: all })).rows).toHaveLength(all);
  const message = `threshold: more than ${String(all - 1)} pairs reach it; raise the threshold or the limit`;
  const tooMany = { code: 'BAD_OPTION', message };
  const options = { limit: all - 1 };
  await expect(rangeSearchBlocks(queries, source, 0, options)).rejects.toMatchObject(tooMany);
  await expect(rangeSearch(queries, rows, 0, options)).rejects.toMatchObject(tooMany);
  const many = sample(3000);
  const pairs = (await rangeSearch(many, rows, 0.9)).rows.length;
  await expect(rangeSearch(many, rows, 0.9, { limit: pairs - 1 })).rejects.toMatchObject({
    code: 'BAD_OPTION',
  });
});

test('an abort, and a source that fails, come out', async () => {
  const stop = new AbortController();
  const source: RowBlocks = {
    ...inBlocks(rows, 100),
    async *blocks() {
      for await (const block of inBlocks(rows, 100).blocks()) {
        yield block;
        stop.abort();
      }
    },
  };
  await expect(topKBlocks(queries, source, 3, { signal: stop.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  const failing: RowBlocks = {
    ...source,
    async *blocks() {
      yield* inBlocks(sample(100), 100).blocks();
      throw new RangeError('the disk is gone');
    },
  };
  await expect(topKBlocks(queries, failing, 3)).rejects.toThrow('the disk is gone');
  await expect(rangeSearchBlocks(queries, failing, 0.5)).rejects.toThrow('the disk is gone');
});
