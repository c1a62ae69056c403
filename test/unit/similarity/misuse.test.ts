import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { DiptychError } from '#diptych/errors.js';
import { cosineSimilarity } from '#diptych/similarity/cosine.js';
import { openCorpus, prepareCorpus } from '#diptych/similarity/corpus.js';
import { rangeSearch, similarPairs } from '#diptych/similarity/range.js';
import { centroid, meanRow, normalizeRows, rank, rowNorms } from '#diptych/similarity/reduce.js';
import { topK } from '#diptych/similarity/topk.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function rows(count: number, dim: number, value = (i: number) => Math.sin(i + 1)) {
  return { data: Float32Array.from({ length: count * dim }, (_, i) => value(i)), rows: count, dim };
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof DiptychError) return error.code;
    throw error;
  }
  return 'none';
}

const any = (value: unknown) => value as never;
const good = rows(4, 3);
const transferred = rows(4, 3);
structuredClone(transferred.data.buffer, { transfer: [transferred.data.buffer] });

describe('wrong rows are BAD_INPUT', () => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 3],
    ['a bare typed array', new Float32Array(12)],
    ['a plain array', { data: [1, 2, 3], rows: 1, dim: 3 }],
    ['doubles', { data: new Float64Array(12), rows: 4, dim: 3 }],
    ['a wrong length', { data: new Float32Array(11), rows: 4, dim: 3 }],
    ['negative rows', { data: new Float32Array(12), rows: -4, dim: -3 }],
    ['broken rows', { data: new Float32Array(3), rows: 1.5, dim: 2 }],
    ['NaN rows', { data: new Float32Array(0), rows: NaN, dim: 3 }],
    ['dim 0', { data: new Float32Array(0), rows: 0, dim: 0 }],
    ['too many rows', { data: new Float32Array(12), rows: 2 ** 40, dim: 3 }],
    ['shared memory', { data: new Float32Array(new SharedArrayBuffer(48)), rows: 4, dim: 3 }],
    ['a transferred buffer', transferred],
    ['a wrong dtype', { ...good, dtype: 'bfloat16' }],
    ['a NaN', rows(4, 3, (i) => (i === 7 ? NaN : 1))],
    ['an infinity', rows(4, 3, (i) => (i === 7 ? -Infinity : 1))],
  ])('%s', async (_, bad) => {
    expect(await codeOf(() => topK(any(bad), good, 1))).toBe('BAD_INPUT');
    expect(await codeOf(() => topK(good, any(bad), 1))).toBe('BAD_INPUT');
    expect(await codeOf(() => cosineSimilarity(any(bad), good))).toBe('BAD_INPUT');
    expect(await codeOf(() => cosineSimilarity(good, any(bad)))).toBe('BAD_INPUT');
    expect(await codeOf(() => rangeSearch(good, any(bad), 0.5))).toBe('BAD_INPUT');
    expect(await codeOf(() => prepareCorpus(any(bad)))).toBe('BAD_INPUT');
    expect(await codeOf(() => normalizeRows(any(bad)))).toBe('BAD_INPUT');
    expect(await codeOf(() => rowNorms(any(bad)))).toBe('BAD_INPUT');
    expect(await codeOf(() => meanRow(any(bad)))).toBe('BAD_INPUT');
  });

  test('the first row that is not finite is named, however many threads look', async () => {
    const bad = rows(9000, 8, (i) => (i === 8 * 5000 + 3 || i === 8 * 8500 ? NaN : 1));
    await expect(topK(rows(1, 8), bad, 3, { threads: 2 })).rejects.toThrow(/rows: row 5000 /);
  });
});

test.each<[string, unknown]>([
  ['0', 0],
  ['negative', -1],
  ['broken', 1.5],
  ['NaN', NaN],
  ['infinite', Infinity],
  ['missing', undefined],
  ['a string', '3'],
])('k that is %s is BAD_OPTION', async (_, k) => {
  expect(await codeOf(() => topK(good, good, any(k)))).toBe('BAD_OPTION');
});

test.each<[string, unknown]>([
  ['an unknown key', { metrc: 'dot' }],
  ['an unknown metric', { metric: 'euclid' }],
  ['an unknown precision', { precision: 'fp8' }],
  ['no threads', { threads: 0 }],
  ['too many threads', { threads: 1000 }],
  ['something else than a signal', { signal: true }],
  ['an array', []],
  ['null', null],
])('options with %s are BAD_OPTION', async (_, options) => {
  expect(await codeOf(() => topK(good, good, 1, any(options)))).toBe('BAD_OPTION');
  expect(await codeOf(() => cosineSimilarity(good, good, any(options)))).toBe('BAD_OPTION');
});

test('rows of different length are DIMENSION_MISMATCH', async () => {
  expect(await codeOf(() => topK(good, rows(4, 5), 1))).toBe('DIMENSION_MISMATCH');
  expect(await codeOf(() => cosineSimilarity(good, rows(4, 5)))).toBe('DIMENSION_MISMATCH');
});

test('nothing on either side gives the empty answer; k above the rows gives all of them', async () => {
  const none = rows(0, 3);
  expect(await topK(none, good, 2)).toMatchObject({ rows: 0, k: 2 });
  expect(await topK(good, none, 2)).toMatchObject({ rows: 4, k: 0 });
  expect((await cosineSimilarity(none, good)).data).toHaveLength(0);
  expect((await rangeSearch(good, none, 0)).rows).toHaveLength(0);
  const all = await topK(good, good, 99);
  expect(all.k).toBe(4);
  expect(all.indices).toHaveLength(16);
  expect(Array.from(await meanRow(none))).toEqual([0, 0, 0]);
});

test('an output of the wrong kind or length is BAD_INPUT, a right one is used', async () => {
  expect(await codeOf(() => cosineSimilarity(good, good, { out: new Float32Array(15) }))).toBe('BAD_INPUT');
  expect(await codeOf(() => cosineSimilarity(good, good, { out: any(new Float64Array(16)) }))).toBe(
    'BAD_INPUT',
  );
  const out = new Float32Array(16);
  expect((await cosineSimilarity(good, good, { out })).data).toBe(out);
  expect(out[0]).toBeCloseTo(1, 6);
});

test('a signal stops the work soon, and one that has fired stops it before it starts', async () => {
  const many = { data: new Float32Array(2_560_000).fill(1), rows: 20_000, dim: 128 };
  const controller = new AbortController();
  const running = codeOf(() => topK(many, many, 5, { signal: controller.signal, threads: 1 }));
  controller.abort();
  expect(await running).toBe('ABORTED');
  expect(await codeOf(() => topK(good, good, 1, { signal: AbortSignal.abort() }))).toBe('ABORTED');
});

test.each(['float16', 'bfloat16', 'int8'] as const)(
  '%s rows score as the floats they stand for',
  async (dtype) => {
    const codes = Array.from({ length: 60 }, (_, i) => ((i * 37) % 23) - 11);
    const half = (value: number) => {
      // Small integers in half precision: sign, exponent of the leading bit, mantissa.
      if (value === 0) return 0;
      const exponent = Math.floor(Math.log2(Math.abs(value)));
      const mantissa = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
      return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | mantissa;
    };
    const bits = new Uint32Array(Float32Array.from(codes).buffer);
    const data =
      dtype === 'int8'
        ? Int8Array.from(codes)
        : Uint16Array.from(codes, (code, i) => (dtype === 'float16' ? half(code) : (bits[i] ?? 0) >>> 16));
    const given = { data, rows: 12, dim: 5, dtype };
    const floats = { data: Float32Array.from(codes), rows: 12, dim: 5 };
    expect(await topK(given, given, 5)).toEqual(await topK(floats, floats, 5));
    expect(await topK(given, given, 5, { metric: 'dot' })).toEqual(
      await topK(floats, floats, 5, { metric: 'dot' }),
    );
    expect((await cosineSimilarity(given, floats)).data).toEqual(
      (await cosineSimilarity(floats, floats)).data,
    );
  },
);

describe('a prepared corpus', () => {
  test('saved and opened again gives the same answers; a damaged file is refused', async () => {
    const corpus = await prepareCorpus(rows(300, 40));
    await corpus.append(rows(50, 40, Math.cos));
    const path = join(folder, 'saved.corpus');
    await corpus.save(path);
    const opened = openCorpus(path);
    expect([opened.rows, opened.dim, opened.metric]).toEqual([350, 40, 'cosine']);
    const queries = rows(70, 40, (i) => Math.sin(i * 1.1));
    expect(await topK(queries, opened, 7)).toEqual(await topK(queries, corpus, 7));
    const pairs = async (of: typeof corpus) => {
      const all: string[] = [];
      for await (const batch of similarPairs(of, 0.9)) {
        batch.queries.forEach((a, i) =>
          all.push(`${String(a)} ${String(batch.rows[i])} ${String(batch.scores[i])}`),
        );
      }
      return all;
    };
    expect(await pairs(opened)).toEqual(await pairs(corpus));
    expect((await pairs(corpus)).length).toBeGreaterThan(0);
    await opened.append(rows(3, 40));
    expect(opened.rows).toBe(353);

    writeFileSync(join(folder, 'bad.corpus'), 'DIPTYCHC and nothing more');
    expect(await codeOf(() => openCorpus(join(folder, 'bad.corpus')))).toBe('INPUT_UNREADABLE');
    expect(await codeOf(() => openCorpus(folder))).toBe('INPUT_UNREADABLE');
    expect(await codeOf(() => openCorpus(join(folder, 'missing')))).toBe('INPUT_NOT_FOUND');
    expect(await codeOf(() => openCorpus(any(7)))).toBe('BAD_OPTION');
    expect(await codeOf(() => corpus.save(join(folder, 'no/such/folder')))).toBe('OUTPUT_FAILED');
  });

  test('refuses other metrics, other dims, use after close, and rows whose buffer has gone', async () => {
    const own = rows(30, 4);
    const corpus = await prepareCorpus(own, { metric: 'dot' });
    expect(await codeOf(() => topK(rows(1, 4), corpus, 1, { metric: 'cosine' }))).toBe('BAD_OPTION');
    expect(await codeOf(() => topK(rows(1, 5), corpus, 1))).toBe('DIMENSION_MISMATCH');
    expect(await codeOf(() => corpus.append(rows(1, 5)))).toBe('DIMENSION_MISMATCH');
    structuredClone(own.data.buffer, { transfer: [own.data.buffer] });
    expect(await codeOf(() => topK(rows(1, 4), corpus, 1))).toBe('BAD_INPUT');
    corpus.close();
    expect(await codeOf(() => topK(rows(1, 4), corpus, 1))).toBe('CLOSED');
  });
});

test('rank orders given candidates as topK would', async () => {
  const queries = rows(3, 9);
  const corpus = rows(20, 9, (i) => Math.cos(i * 0.7));
  const candidates = Int32Array.from({ length: 60 }, (_, i) => (i * 7) % 20);
  const all = await topK(queries, corpus, 20);
  const ranked = await rank(queries, corpus, candidates);
  expect(Array.from(ranked.indices)).toEqual(Array.from(all.indices));
  expect(Array.from(ranked.scores)).toEqual(Array.from(all.scores));
  expect(await codeOf(() => rank(queries, corpus, Int32Array.of(1, 2, 20)))).toBe('BAD_INPUT');
  expect(await codeOf(() => rank(queries, corpus, Int32Array.of(1, 2)))).toBe('BAD_INPUT');
});

test('unit rows, lengths, means and centroids', async () => {
  const given = { data: Float32Array.of(3, 4, 0, 0, 0, -2), rows: 3, dim: 2 };
  expect(Array.from((await normalizeRows(given)).data)).toEqual([
    Math.fround(0.6),
    Math.fround(0.8),
    0,
    0,
    0,
    -1,
  ]);
  expect(Array.from(await rowNorms(given))).toEqual([5, 0, 2]);
  expect(await codeOf(() => rowNorms({ data: Float32Array.of(1, NaN), rows: 2, dim: 1 }))).toBe('BAD_INPUT');
  expect(Array.from(await meanRow(given))).toEqual([1, 4 / 3 - 2 / 3].map((v) => expect.closeTo(v, 12)));
  const middle = await centroid(given);
  const length = Math.hypot(0.6, -0.2);
  expect(Array.from(middle)).toEqual([0.6 / length, -0.2 / length].map((v) => expect.closeTo(v, 6)));
});
