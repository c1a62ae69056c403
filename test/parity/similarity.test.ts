import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { cosineSimilarity } from '#diptych/similarity/cosine.js';
import { topK } from '#diptych/similarity/topk.js';

interface Case {
  readonly k: number;
  readonly why: string;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const shared = process.env['DIPTYCH_FIXTURES'] ?? join(root, '../shared/fixtures');
const folders = [join(root, 'test/fixtures/similarity'), join(shared, 'similarity')].filter((folder) =>
  existsSync(join(folder, 'cases.json')),
);

function npy(path: string) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const [rows, columns] = (/\((\d+), (\d+)\)/.exec(header) ?? []).slice(1).map(Number);
  if (rows === undefined || columns === undefined) throw new Error(`${path}: expected two axes`);
  return { buffer: new Uint8Array(bytes.subarray(start)).buffer, rows, columns };
}

function rowsOf(path: string) {
  const { buffer, rows, columns } = npy(path);
  return { data: new Float32Array(buffer), rows, dim: columns };
}

test('the fixtures are there', () => {
  expect(folders.length).toBeGreaterThan(0);
});

describe.each(folders)('%s', (folder) => {
  const { cases } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as {
    cases: Record<string, Case>;
  };

  describe.each(Object.entries(cases))('%s', (name, { k }) => {
    const a = rowsOf(join(folder, name, 'a.npy'));
    const b = rowsOf(join(folder, name, 'b.npy'));
    const cosine = new Float64Array(npy(join(folder, name, 'cosine.npy')).buffer);
    const expected = new Int32Array(npy(join(folder, name, 'topk.npy')).buffer);

    test('cosines are within 2e-6 in fp32, and float64 rounded once in exact', async () => {
      const fast = await cosineSimilarity(a, b);
      expect([fast.rows, fast.columns]).toEqual([a.rows, b.rows]);
      expect(Math.max(...fast.data.map((score, i) => Math.abs(score - (cosine[i] ?? NaN))))).toBeLessThan(
        2e-6,
      );
      const exact = await cosineSimilarity(a, b, { precision: 'exact' });
      // 1e-12 is what the fixtures' own float64 may be off.
      const off = exact.data.map((score, i) => Math.abs(score - (cosine[i] ?? NaN)));
      expect(Math.max(...off)).toBeLessThanOrEqual(2 ** -25 + 1e-12);
    });

    test.each([1, 2, 3])('exact top-k with %i threads is that of float64, ties by index', async (threads) => {
      const hits = await topK(a, b, k, { threads });
      expect([hits.rows, hits.k]).toEqual([a.rows, k]);
      expect(Array.from(hits.indices)).toEqual(Array.from(expected));
      hits.indices.forEach((index, at) => {
        const row = Math.floor(at / k);
        expect(Math.abs((hits.scores[at] ?? NaN) - (cosine[row * b.rows + index] ?? NaN))).toBeLessThan(1e-7);
      });
    });

    test('fp32 top-k picks rows whose true cosines are as good', async () => {
      const hits = await topK(a, b, k, { precision: 'fp32' });
      hits.indices.forEach((index, at) => {
        const row = Math.floor(at / k) * b.rows;
        const best = cosine[row + (expected[at] ?? NaN)] ?? NaN;
        expect(Math.abs((cosine[row + index] ?? NaN) - best)).toBeLessThan(2e-6);
      });
    });
  });
});
