import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openEmbeddings } from '#diptych/output/embedding-set.js';
import { npyHeader } from '#diptych/output/npy.js';
import { bestMatches, saveScores, scoreMatrix } from '#diptych/pipeline/compare.js';
import { duplicateGroups } from '#diptych/pipeline/duplicates.js';
import { openRows, type RowSource } from '#diptych/pipeline/row-source.js';
import { searchSet } from '#diptych/pipeline/search-set.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const dim = 16;

function save(name: string, rows: number, phase: number): string {
  const data = Float32Array.from({ length: rows * dim }, (_, i) => {
    const row = Math.floor(i / dim);
    return Math.sin((row % 5 === 0 ? row % 10 : row) * phase + (i % dim));
  });
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([npyHeader('<f4', [rows, dim]), new Uint8Array(data.buffer)]));
  return file;
}

const files = { a: save('a.npy', 83, 2.3), b: save('b.npy', 131, 1.7) };

/** Both sides, in memory or in blocks of so many rows. */
async function sides(a: number | null, b: number | null): Promise<[RowSource, RowSource]> {
  const open = async (file: string, rows: number | null): Promise<RowSource> => {
    const set = await openEmbeddings(file);
    return rows === null ? openRows(set) : openRows(set, 0, rows * dim * 4);
  };
  return [await open(files.a, a), await open(files.b, b)];
}

test.each([
  [null, 10],
  [7, null],
  [40, 131],
  [20, 9],
])('blocks of %p and %p rows: matches, matrices and groups as in memory', async (rowsOfA, rowsOfB) => {
  const [a, b] = await sides(null, null);
  const [x, y] = await sides(rowsOfA, rowsOfB);
  expect([x.whole === null, y.whole === null]).toEqual([rowsOfA !== null, rowsOfB !== null]);
  for (const [top, threshold] of [
    [5, null],
    [5, 0.8],
    [null, 0.3],
  ] as const) {
    const seen: number[] = [];
    const onProgress = (done: number) => seen.push(done);
    const found = await bestMatches(x, y, { top, threshold, onProgress });
    expect(found).toEqual(await bestMatches(a, b, { top, threshold }));
    expect(found.indices.length).toBeGreaterThan(0);
    expect(seen.at(-1)).toBe(83);
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
  }
  expect(await scoreMatrix(x, y, {})).toEqual(await scoreMatrix(a, b, {}));
  const names = { rows: null, columns: null };
  for (const format of ['npy', 'csv', 'png'] as const) {
    const [one, other] = [join(folder, `one.${format}`), join(folder, `other.${format}`)];
    await saveScores(a, b, { file: one, format, names }, {});
    const seen: number[] = [];
    const onProgress = (done: number) => seen.push(done);
    await saveScores(x, y, { file: other, format, names }, { onProgress });
    expect(readFileSync(other).equals(readFileSync(one))).toBe(true);
    expect(seen.at(-1)).toBe(83);
  }
  expect(await duplicateGroups(y, 0.99, {})).toEqual(await duplicateGroups(b, 0.99, {}));
  expect((await duplicateGroups(b, 0.99, {})).length).toBeGreaterThan(0);
});

test('a set is searched with its rows numbered through', async () => {
  const [a, b] = await sides(null, 20);
  if (a.whole === null) throw new Error('a is small');
  const found = await searchSet(a.whole, await openEmbeddings(files.b), 3, {});
  const { indices } = await bestMatches(a, b, { top: 3, threshold: null });
  expect(found.flat().map(({ row }) => row)).toEqual(Array.from(indices));
});

test('what is wrong in a later block is told with its row', async () => {
  const bad = save('bad.npy', 50, 1.1);
  const bytes = readFileSync(bad);
  bytes.writeFloatLE(NaN, bytes.length - 4 * dim);
  writeFileSync(bad, bytes);
  const source = await openRows(await openEmbeddings(bad), 0, 20 * dim * 4);
  const [a] = await sides(null, null);
  const options = { top: 2, threshold: null };
  const names = { rows: null, columns: null };
  const target = { file: join(folder, 'never.npy'), format: 'npy', names } as const;
  for (const [work, message] of [
    [() => bestMatches(source, a, options), /^queries: row 49 /],
    [() => bestMatches(a, source, options), /^rows: row 49 /],
    [() => scoreMatrix(source, a, {}), /^a: row 49 /],
    [() => saveScores(a, source, target, {}), /^b: row 49 /],
    [() => duplicateGroups(source, 0.9, {}), /^rows: row 49 /],
  ] as const) {
    await expect(work()).rejects.toThrow(message);
  }
  expect(() => readFileSync(target.file)).toThrow('ENOENT');
  expect(() => readFileSync(`${target.file}.partial`)).toThrow('ENOENT');
});
