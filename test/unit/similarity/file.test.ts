import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { prepareCorpus } from '#diptych/similarity/corpus.js';
import { mapRows, topKFile } from '#diptych/similarity/file.js';
import { topK } from '#diptych/similarity/topk.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function npy(descr: string, rows: number, dim: number, data: Uint8Array, order = 'False'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${String(rows)}, ${String(dim)}), }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11, ' ') + '\n';
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  return Buffer.concat([start, Buffer.from(header, 'latin1'), data]);
}

const dim = 24;
const rows = { data: Float32Array.from({ length: 900 * dim }, (_, i) => Math.sin(i * i)), rows: 900, dim };
const bytes = new Uint8Array(rows.data.buffer);
const queries = { data: rows.data.slice(0, 70 * dim), rows: 70, dim };
const path = join(folder, 'rows.npy');
writeFileSync(path, npy('<f4', 900, dim, bytes));

test.each([1, dim * 4, 1000, 96 * 333, 1e9])(
  'blocks of %i bytes give what memory gives',
  async (blockBytes) => {
    for (const precision of ['exact', 'fp32', 'bf16', 'int8'] as const) {
      const seen: number[] = [];
      const options = { blockBytes, precision, onProgress: (done: number) => seen.push(done) };
      expect(await topKFile(queries, path, 6, options)).toEqual(await topK(queries, rows, 6, { precision }));
      const few = { data: queries.data.subarray(0, 3 * dim), rows: 3, dim };
      expect(await topKFile(few, path, 6, options)).toEqual(await topK(few, rows, 6, { precision }));
      expect(seen.at(-1)).toBe(900);
    }
  },
);

test('int8 rows, more hits than rows, and no queries', async () => {
  const codes = Int8Array.from({ length: 5 * dim }, (_, i) => (i * 31) % 100);
  const small = join(folder, 'small.npy');
  writeFileSync(small, npy('|i1', 5, dim, new Uint8Array(codes.buffer)));
  const memory = { data: codes, rows: 5, dim };
  expect(await topKFile(queries, small, 9)).toEqual(await topK(queries, memory, 9));
  expect(await topKFile({ data: new Float32Array(0), rows: 0, dim }, small, 2)).toMatchObject({
    rows: 0,
    k: 2,
  });
});

test('mapped rows are searched where they lie, and writing to them leaves the file alone', async () => {
  const mapped = await mapRows(path);
  expect([mapped.rows, mapped.dim, mapped.dtype]).toEqual([900, dim, 'float32']);
  expect(mapped.data).toEqual(rows.data);
  expect(await topK(queries, mapped, 6)).toEqual(await topK(queries, rows, 6));
  // Any rows of it, wherever in a page they begin: a corpus grows by them to more than an array can hold.
  const corpus = await prepareCorpus(await mapRows(path, { count: 411 }));
  await corpus.append(await mapRows(path, { first: 411, count: 488 }));
  await corpus.append(await mapRows(path, { first: 899 }));
  expect(await topK(queries, corpus, 6)).toEqual(await topK(queries, rows, 6));
  expect(await mapRows(path, { first: 900 })).toMatchObject({ rows: 0, data: new Float32Array(0) });
  for (const options of [
    { first: -1 },
    { first: 901 },
    { first: 0.5 },
    { count: 901 },
    { first: 1, count: 900 },
  ]) {
    await expect(mapRows(path, options)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  }
  await expect(mapRows(path, { rows: 1 } as never)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  mapped.data.fill(0);
  expect((await mapRows(path)).data).toEqual(rows.data);
});

test.each([
  ['<V2', 'bfloat16'],
  ['|V2', 'bfloat16'],
  ['<f2', 'float16'],
] as const)('16-bit rows of type %s are mapped and streamed as %s', async (descr, dtype) => {
  const halves = Uint16Array.from(
    { length: 40 * dim },
    (_, i) => 0x3c00 + ((i * 37) % 300) + (i % 2) * 0x8000,
  );
  const file = join(folder, 'halves.npy');
  writeFileSync(file, npy(descr, 40, dim, new Uint8Array(halves.buffer)));
  const memory = { data: halves, rows: 40, dim, dtype };
  expect(await mapRows(file)).toEqual(memory);
  expect(await topKFile(queries, file, 5)).toEqual(await topK(queries, memory, 5));
});

test.each<[string, string | Buffer]>([
  ['something else', 'text'],
  ['nothing', ''],
  ['fewer rows than it says', npy('<f4', 901, dim, bytes)],
])('a file with %s is not mapped', async (_, content) => {
  const bad = join(folder, 'unmapped.npy');
  writeFileSync(bad, content);
  await expect(mapRows(bad)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  await expect(mapRows(join(folder, 'no.npy'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

test.each<[string, string | Buffer, string]>([
  ['something else', 'text', 'INPUT_UNREADABLE'],
  ['doubles', npy('<f8', 1, dim, bytes), 'INPUT_UNREADABLE'],
  ['Fortran order', npy('<f4', 900, dim, bytes, 'True'), 'INPUT_UNREADABLE'],
  ['fewer rows than it says', npy('<f4', 901, dim, bytes), 'INPUT_UNREADABLE'],
  ['rows of another length', npy('<f4', 1800, dim / 2, bytes), 'DIMENSION_MISMATCH'],
])('a file with %s is refused', async (_, content, code) => {
  const bad = join(folder, 'bad.npy');
  writeFileSync(bad, content);
  await expect(topKFile(queries, bad, 3)).rejects.toMatchObject({ code });
});

test('a NaN far into the file is named by its row; a missing file is INPUT_NOT_FOUND', async () => {
  const poisoned = rows.data.slice();
  poisoned[701 * dim + 3] = NaN;
  const bad = join(folder, 'nan.npy');
  writeFileSync(bad, npy('<f4', 900, dim, new Uint8Array(poisoned.buffer)));
  await expect(topKFile(queries, bad, 3, { blockBytes: 4000 })).rejects.toThrow(/row 701 /);
  await expect(topKFile(queries, join(folder, 'no.npy'), 3)).rejects.toMatchObject({
    code: 'INPUT_NOT_FOUND',
  });
});
