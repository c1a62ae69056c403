// fp32 that is not one chain of floats a pair: int8 digits (CPUs with AMX), or floats where another pass has left
// something over. As near to the truth as such a chain, and the same bits however the work is cut.
import { describe, expect, test } from '@jest/globals';
import { native } from '#diptych/native/load.js';
import { cosineSimilarity } from '#diptych/similarity/cosine.js';
import type { Rows } from '#diptych/similarity/rows.js';
import { topK } from '#diptych/similarity/topk.js';

/** Rows whose lengths differ by up to `spread` powers of two, one of them zero; element 1 is `outlier` times as large. */
function wild(rows: number, dim: number, seed: number, spread: number, outlier = 1): Rows {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const length = 2 ** Math.round((random() - 0.5) * spread);
    for (let k = 0; k < dim; k++) {
      data[row * dim + k] = row === 3 ? 0 : (random() - 0.5) * length * (k === 1 ? outlier : 1);
    }
  }
  return { data, rows, dim };
}

function cosine(a: Rows, i: number, b: Rows, j: number): number {
  let [dot, left, right] = [0, 0, 0];
  for (let k = 0; k < a.dim; k++) {
    const [x, y] = [a.data[i * a.dim + k] ?? 0, b.data[j * b.dim + k] ?? 0];
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  return left === 0 || right === 0 ? 0 : dot / Math.sqrt(left * right);
}

describe(`fp32 of many rows, kernels ${native().cpuInfo().kernels.join(', ')}`, () => {
  test.each([
    [130, 200, 64, 0, 1, 2e-7],
    [150, 129, 100, 40, 1, 2e-7],
    [128, 128, 512, 160, 1, 2e-7],
    [131, 257, 97, 20, 1, 2e-7],
    [48, 49, 65, 0, 1, 2e-7],
    // As CLIP's own embeddings have it: one dimension as long as all others together; and ten times that. A chain of
    // floats that adds them to the largest is off by as much.
    [130, 140, 512, 4, 20, 2e-6],
    [130, 140, 768, 4, 200, 4e-6],
  ])(
    '%d x %d of %d values, lengths over 2^%d, one value %d times the others: within %d of float64',
    async (...problem) => {
      const [n, m, dim, spread, outlier, most] = problem;
      const [a, b] = [wild(n, dim, 1, spread, outlier), wild(m, dim, 2, spread, outlier)];
      const { data } = await cosineSimilarity(a, b, { precision: 'fp32', threads: 1 });
      let worst = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < m; j++) {
          worst = Math.max(worst, Math.abs((data[i * m + j] ?? NaN) - cosine(a, i, b, j)));
        }
      }
      expect(worst).toBeLessThan(most);
      const threads = await cosineSimilarity(a, b, { precision: 'fp32', threads: 2 });
      expect(threads.data).toEqual(data);
    },
  );

  // For few queries only the lengths of rows that may be among the best are found, unless some are extreme (2^160) or rows
  // are short.
  test.each([
    [1, 200, 40, 2e-7],
    [3, 200, 40, 2e-7],
    [4, 512, 4, 2e-7],
    [2, 200, 160, 2e-7],
    [4, 100, 40, 2e-7],
    [5, 100, 40, 2e-7],
    [33, 100, 40, 2e-7],
    [64, 100, 40, 2e-7],
    [319, 100, 40, 2e-7],
    [320, 100, 40, 2e-7],
    // A chain of floats (no VNNI) is further off in one of so many.
    [1100, 100, 40, 3e-7],
  ])(
    'topK of %d queries of %d values, lengths over 2^%d, whose rows another pass may have sifted: within %d of float64, in order',
    async (n, dim, spread, most) => {
      const [queries, rows] = [wild(n, dim, 7, spread), wild(700, dim, 8, spread)];
      const dense = await cosineSimilarity(queries, rows, { precision: 'fp32' });
      const best = await topK(queries, rows, 5, { precision: 'fp32', threads: 1 });
      const exact = await topK(queries, rows, 5, { precision: 'exact' });
      for (let q = 0; q < n; q++) {
        for (let i = 0; i < 5; i++) {
          const [row, score] = [best.indices[q * 5 + i] ?? -1, best.scores[q * 5 + i] ?? NaN];
          expect(Math.abs(score - cosine(queries, q, rows, row))).toBeLessThan(most);
          expect(Math.abs(score - (dense.data[q * rows.rows + row] ?? NaN))).toBeLessThan(3e-7);
          expect(Math.abs(score - (exact.scores[q * 5 + i] ?? NaN))).toBeLessThan(most);
          if (i > 0) expect(score).toBeLessThanOrEqual(best.scores[q * 5 + i - 1] ?? NaN);
        }
      }
      const threads = await topK(queries, rows, 5, { precision: 'fp32', threads: 2 });
      expect(threads.indices).toEqual(best.indices);
      expect(threads.scores).toEqual(best.scores);
    },
  );
});
