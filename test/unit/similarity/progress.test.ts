import { expect, test } from '@jest/globals';
import { prepareCorpus } from '#diptych/similarity/corpus.js';
import { rangeSearch, similarPairs } from '#diptych/similarity/range.js';
import { topK } from '#diptych/similarity/topk.js';

const dim = 64;
function unitless(rows: number) {
  return { data: Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i * i)), rows, dim };
}

test('progress rises to the whole, over rows and over a corpus', async () => {
  const [queries, rows] = [unitless(3000), unitless(5000)];
  for (const target of [rows, await prepareCorpus(rows)]) {
    const seen: number[] = [];
    const hits = await topK(queries, target, 3, {
      onProgress: (done, total) => {
        expect(total).toBe(3000);
        seen.push(done);
      },
    });
    expect(hits).toEqual(await topK(queries, target, 3));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(3000);
  }
});

test('progress of pairs counts what is left to meet', async () => {
  const rows = unitless(2100);
  const seen: number[] = [];
  const onProgress = (done: number, total: number) => {
    expect(total).toBe(2100);
    seen.push(done);
  };
  for await (const pairs of similarPairs(rows, 0.99, { onProgress })) expect(pairs.rows).toBeDefined();
  // Of 2,100 rows the first 1,024 meet three quarters of all pairs.
  expect(seen).toEqual([1548, 2098, 2100]);
  seen.length = 0;
  await rangeSearch(rows, rows, 0.99, { onProgress });
  expect(seen).toEqual([1024, 2048, 2100]);
});

test('what onProgress throws comes out, and ends the call', async () => {
  const many = unitless(60_000);
  let calls = 0;
  const onProgress = () => {
    calls++;
    throw new RangeError('enough');
  };
  // Far longer than the tenth of a second after which it is called first.
  await expect(topK(many, many, 5, { threads: 1, onProgress })).rejects.toThrow(new RangeError('enough'));
  expect(calls).toBe(1);
  await expect(topK(many, many, 5, { onProgress: 'no' as never })).rejects.toMatchObject({
    code: 'BAD_OPTION',
  });
});
