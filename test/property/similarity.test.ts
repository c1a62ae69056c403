// Exact search attacked: every answer against a plain float64 loop, on data made to break bounds.
import { describe, expect, test } from '@jest/globals';
import { prepareCorpus } from '#diptych/similarity/corpus.js';
import { rangeSearch, similarPairs } from '#diptych/similarity/range.js';
import { topK } from '#diptych/similarity/topk.js';
import type { Rows } from '#diptych/similarity/rows.js';

/** Mulberry32: the same numbers everywhere. */
function generator(seed: number) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => uniform() + uniform() + uniform() + uniform() - 2;
  return { uniform, normal, below: (n: number) => Math.floor(uniform() * n) };
}
type Random = ReturnType<typeof generator>;

function fill(rows: number, dim: number, value: (row: number, k: number) => number): Rows {
  const data = new Float32Array(rows * dim);
  for (let i = 0; i < data.length; i++) data[i] = value(Math.floor(i / dim), i % dim);
  return { data, rows, dim };
}

/** How rows are drawn: each kind breaks another assumption. */
const KINDS: Record<string, (random: Random, rows: number, dim: number) => Rows> = {
  isotropic: (random, rows, dim) => fill(rows, dim, () => random.normal()),
  cone: (random, rows, dim) => {
    const middle = Array.from({ length: dim }, () => random.normal() * 3);
    return fill(rows, dim, (_, k) => (middle[k] ?? 0) + random.normal());
  },
  'outlier dimensions': (random, rows, dim) =>
    fill(rows, dim, (_, k) => random.normal() * (k % 31 === 0 ? 1000 : 1) + (k === 7 ? 50 : 0)),
  'near-duplicates': (random, rows, dim) => {
    const seeds = Array.from({ length: 5 * dim }, () => random.normal());
    return fill(rows, dim, (row, k) => (seeds[(row % 5) * dim + k] ?? 0) + random.normal() * 1e-4);
  },
  'all rows equal': (random, rows, dim) => {
    const one = Array.from({ length: dim }, () => random.normal());
    return fill(rows, dim, (_, k) => one[k] ?? 0);
  },
  'scaled copies': (random, rows, dim) => {
    const one = Array.from({ length: dim }, () => random.below(7) - 3);
    return fill(rows, dim, (row, k) => (one[k] ?? 0) * (1 + (row % 4)));
  },
  'zero rows': (random, rows, dim) => fill(rows, dim, (row) => (row % 3 === 0 ? 0 : random.normal())),
  denormals: (random, rows, dim) => fill(rows, dim, () => random.normal() * 1e-41),
  'huge norms': (random, rows, dim) => fill(rows, dim, () => random.normal() * 1e37),
  'mixed magnitudes': (random, rows, dim) => {
    const size = Array.from({ length: rows }, () => 10 ** (random.below(60) - 30));
    return fill(rows, dim, (row) => random.normal() * (size[row] ?? 1));
  },
  'one-hot rows': (random, rows, dim) => {
    const hot = Array.from({ length: rows }, () => random.below(dim));
    return fill(rows, dim, (row, k) => (k === hot[row] ? 1 : random.normal() * 1e-3));
  },
  'small integers': (random, rows, dim) => fill(rows, dim, () => random.below(3) - 1),
};

/** Rows a little wrong in one place: queries that are nearly rows of the corpus. */
function nearby(random: Random, corpus: Rows, rows: number): Rows {
  return fill(rows, corpus.dim, (row, k) => {
    const value = corpus.data[((row * 13) % Math.max(corpus.rows, 1)) * corpus.dim + k] ?? 0;
    return value * (1 + random.normal() * 1e-3);
  });
}

function float64Scores(queries: Rows, rows: Rows, metric: 'cosine' | 'dot'): Float64Array[] {
  const norm = (m: Rows, i: number) => {
    let sum = 0;
    for (let k = 0; k < m.dim; k++) sum += (m.data[i * m.dim + k] ?? 0) ** 2;
    return Math.sqrt(sum);
  };
  const lengths = Float64Array.from({ length: rows.rows }, (_, j) => norm(rows, j));
  return Array.from({ length: queries.rows }, (_, i) => {
    const length = norm(queries, i);
    return Float64Array.from({ length: rows.rows }, (__, j) => {
      let dot = 0;
      for (let k = 0; k < rows.dim; k++) {
        dot += (queries.data[i * rows.dim + k] ?? 0) * (rows.data[j * rows.dim + k] ?? 0);
      }
      const product = length * (lengths[j] ?? 0);
      return metric === 'dot' ? dot : product === 0 ? 0 : Math.max(-1, Math.min(1, dot / product));
    });
  });
}

/** What a float64 loop may be off by: 1e-12 of a cosine; of an inner product, of the lengths' product. */
function noise(queries: Rows, rows: Rows, metric: 'cosine' | 'dot'): number {
  if (metric === 'cosine') return 1e-12;
  const longest = (m: Rows) =>
    m.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) * Math.sqrt(m.dim);
  return longest(queries) * longest(rows) * 1e-13;
}

/** Checks one answer: the scores at each rank are float64's, rows whose scores are equal come by index. */
function checkHits(
  hits: { indices: Int32Array; scores: Float32Array; k: number },
  truth: readonly Float64Array[],
  tolerance: number,
  rows: Rows,
) {
  truth.forEach((scores, query) => {
    const order = Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
    const seen = new Set<number>();
    for (let rank = 0; rank < hits.k; rank++) {
      const index = hits.indices[query * hits.k + rank] ?? -1;
      const best = scores[order[rank] ?? -1] ?? NaN;
      const own = scores[index] ?? NaN;
      if (!(Math.abs(own - best) <= 2 * tolerance)) {
        throw new Error(
          `query ${String(query)} rank ${String(rank)}: row ${String(index)} scores ${String(own)}, the best left scores ${String(best)}`,
        );
      }
      const reported = hits.scores[query * hits.k + rank] ?? NaN;
      const rounding = Math.abs(own) * 2 ** -23 + tolerance + 2 ** -149;
      if (Number.isFinite(Math.fround(own)) && !(Math.abs(reported - own) <= rounding)) {
        throw new Error(
          `query ${String(query)} rank ${String(rank)}: reported ${String(reported)}, is ${String(own)}`,
        );
      }
      if (rank > 0) {
        const before = hits.indices[query * hits.k + rank - 1] ?? -1;
        if (sameRow(rows, before, index) && before > index) {
          throw new Error(
            `query ${String(query)} rank ${String(rank)}: equal rows ${String(before)}, ${String(index)} are out of order`,
          );
        }
      }
      seen.add(index);
    }
    expect(seen.size).toBe(hits.k);
  });
}

function sameRow(rows: Rows, a: number, b: number): boolean {
  for (let k = 0; k < rows.dim; k++) {
    if (rows.data[a * rows.dim + k] !== rows.data[b * rows.dim + k]) return false;
  }
  return true;
}

describe.each(Object.entries(KINDS))('%s', (kind, make) => {
  test.each(['cosine', 'dot'] as const)('exact top-k by %s equals float64 brute force', async (metric) => {
    const random = generator(kind.length * 1000 + metric.length);
    for (let round = 0; round < 42; round++) {
      const dim = [1, 3, 16, 33, 64, 100, 193][round % 7] ?? 8;
      const rows = make(random, 1 + random.below(round % 12 === 0 ? 400 : 60), dim);
      const count = [1, 5, 40, 120][round % 4] ?? 1;
      const queries = round % 3 === 0 ? nearby(random, rows, count) : make(random, count, dim);
      const k = 1 + random.below(Math.min(rows.rows, round % 5 === 0 ? rows.rows : 20));
      const truth = float64Scores(queries, rows, metric);
      const tolerance = noise(queries, rows, metric);
      const options = { metric, threads: 1 + (round % 3) };
      const plain = await topK(queries, rows, k, options);
      checkHits(plain, truth, tolerance, rows);
      const corpus = await prepareCorpus(rows, options);
      const prepared = await topK(queries, corpus, k, options);
      // Whatever the first pass was, the answer is the same to the last bit.
      expect(prepared.indices).toEqual(plain.indices);
      expect(prepared.scores).toEqual(plain.scores);
    }
  });

  test('exact range search and self-join find every pair that reaches the threshold, and no other', async () => {
    const random = generator(kind.length);
    for (let round = 0; round < 6; round++) {
      const rows = make(random, 20 + random.below(50), [7, 64, 130][round % 3] ?? 7);
      const queries = make(random, 1 + random.below(30), rows.dim);
      const all = float64Scores(queries, rows, 'cosine').map((scores) => Array.from(scores));
      const sorted = Float64Array.from(all.flat()).sort();
      const threshold = (sorted[Math.floor(sorted.length * 0.7)] ?? 0) + 1e-9;
      const found = await rangeSearch(queries, rows, threshold);
      const expected = all.flatMap((scores, q) =>
        scores.flatMap((score, row) => (score >= threshold ? [q * rows.rows + row] : [])),
      );
      const got = Array.from(found.queries, (q, i) => q * rows.rows + (found.rows[i] ?? 0));
      const margin = (pair: number) =>
        Math.abs((all[Math.floor(pair / rows.rows)]?.[pair % rows.rows] ?? 0) - threshold) < 1e-12;
      expect(got.filter((pair) => !margin(pair)).sort((a, b) => a - b)).toEqual(
        expected.filter((pair) => !margin(pair)),
      );

      // In the order of top-k, with its scores.
      const best = await topK(queries, rows, rows.rows);
      for (let query = 0; query < queries.rows; query++) {
        const from = found.queries.indexOf(query);
        const to = from === -1 ? -1 : found.queries.lastIndexOf(query) + 1;
        const own = query * rows.rows;
        expect(Array.from(found.rows.subarray(from, to))).toEqual(
          Array.from(best.indices.subarray(own, own + to - from)),
        );
        expect(found.scores.subarray(from, to)).toEqual(best.scores.subarray(own, own + to - from));
      }

      const truth = float64Scores(rows, rows, 'cosine');
      const pairs: string[] = [];
      for await (const batch of similarPairs(rows, threshold)) {
        batch.queries.forEach((a, i) => pairs.push(`${String(a)},${String(batch.rows[i] ?? -1)}`));
      }
      const wanted: string[] = [];
      truth.forEach((scores, a) => {
        scores.forEach((score, b) => {
          if (b > a && score >= threshold + 1e-12) wanted.push(`${String(a)},${String(b)}`);
        });
      });
      const set = new Set(pairs);
      expect(set.size).toBe(pairs.length);
      expect(wanted.filter((pair) => !set.has(pair))).toEqual([]);
      for (const pair of pairs) {
        const [a = -1, b = -1] = pair.split(',').map(Number);
        expect(a).toBeLessThan(b);
        expect(truth[a]?.[b] ?? NaN).toBeGreaterThanOrEqual(threshold - 1e-12);
      }
    }
  });
});

test('a corpus grown by appending gives what one made at once gives', async () => {
  const random = generator(99);
  const dim = 96;
  const whole = KINDS['cone']?.(random, 500, dim) ?? fill(0, dim, () => 0);
  const queries = nearby(random, whole, 70);
  const slice = (from: number, to: number): Rows => ({
    data: whole.data.subarray(from * dim, to * dim),
    rows: to - from,
    dim,
  });
  const grown = await prepareCorpus(slice(0, 100));
  await grown.append(slice(100, 101));
  await grown.append(slice(101, 101));
  await grown.append(slice(101, 500));
  expect(grown.rows).toBe(500);
  expect(await topK(queries, grown, 12)).toEqual(await topK(queries, whole, 12));
});
