// The column "in practice" of docs/exactness.md, section 7: what it says, measured against float64.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { native } from '#diptych/native/load.js';
import { cosineSimilarity } from '#diptych/similarity/cosine.js';
import type { Rows } from '#diptych/similarity/rows.js';

const DIM = 512;
const COUNT = 142;

function unitRows(seed: number): Rows {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const data = Float32Array.from({ length: COUNT * DIM }, () => random() + random() + random() - 1.5);
  for (let row = 0; row < COUNT; row++) {
    const values = data.subarray(row * DIM, (row + 1) * DIM);
    const length = Math.hypot(...values);
    values.forEach((value, k) => (values[k] = value / length));
  }
  return { data, rows: COUNT, dim: DIM };
}

const page = readFileSync(fileURLToPath(new URL('../../docs/exactness.md', import.meta.url)), 'utf8');

/** The last cell of the table's row: "| `bf16` | ... | 5e-4 |". */
function stated(name: string): number {
  const row = page.split('\n').find((line) => line.startsWith(`| ${name}`));
  return Number(row?.split('|').at(-2)?.trim());
}

const [a, b] = [unitRows(1), unitRows(2)];
const exact = await cosineSimilarity(a, b, { precision: 'exact' });

async function worst(precision: 'fp32' | 'bf16' | 'int8', rows: Rows): Promise<number> {
  const { data } = await cosineSimilarity(rows, b, { precision });
  return data.reduce((most, score, i) => Math.max(most, Math.abs(score - (exact.data[i] ?? NaN))), 0);
}

describe('20,000 cosines of random vectors are as near to float64 as docs/exactness.md says', () => {
  const tiles = native().cpuInfo().chosen === 'amx';

  test.each(['bf16', 'int8'] as const)('%s', async (precision) => {
    const found = await worst(precision, a);
    expect(found).toBeLessThanOrEqual(stated(`\`${precision}\``));
    // What is stated is no more than an order of magnitude above what is there.
    expect(found).toBeGreaterThan(stated(`\`${precision}\``) / 10);
  });

  test('fp32, in a chain of floats and in tiles (AMX)', async () => {
    // Fewer than 48 rows are never made in tiles.
    const few = { data: a.data.subarray(0, 47 * DIM), rows: 47, dim: DIM };
    const chain = await worst('fp32', few);
    expect(chain).toBeLessThanOrEqual(stated('`fp32` '));
    expect(chain).toBeGreaterThan(stated('`fp32` ') / 10);
    expect(await worst('fp32', a)).toBeLessThanOrEqual(stated(tiles ? '`fp32` as ' : '`fp32` '));
  });
});
