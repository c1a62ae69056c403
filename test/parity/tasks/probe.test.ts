import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { applyProbe, fitProbe, sweepProbe } from '#diptych/tasks/probe.js';
import { maxDifference } from '../../support/compare.js';
import { local } from '../../support/fixtures.js';
import { readFloats } from '../../support/npy.js';

interface Case {
  readonly options: { C: number; max_iter: number; tol?: number; fit_intercept?: boolean };
  readonly labels: number[];
  readonly classes: number[];
  readonly coefficients: number[];
  readonly intercepts: number[];
  readonly iterations: number;
  readonly loss: number;
  readonly predictions: number[];
  readonly probabilities: number[];
}

const folder = join(local, 'tasks', 'probe');
const index = JSON.parse(readFileSync(join(folder, 'probe.json'), 'utf8')) as { cases: Record<string, Case> };

function features(name: string): { data: Float32Array; rows: number; dim: number } {
  const { data, shape } = readFloats(join(folder, `${name}.npy`));
  return { data, rows: shape[0] ?? 0, dim: shape[1] ?? 0 };
}

describe("the linear probe is scikit-learn's", () => {
  test.each(Object.entries(index.cases))('%s', async (name, expected) => {
    const { options } = expected;
    const probe = await fitProbe(features(name), expected.labels, {
      c: options.C,
      maxIterations: options.max_iter,
      ...(options.tol === undefined ? {} : { tolerance: options.tol }),
      fitIntercept: options.fit_intercept ?? true,
      threads: 2,
    });
    expect(Array.from(probe.classes)).toEqual(expected.classes);
    expect(Math.abs(probe.loss - expected.loss)).toBeLessThan(1e-6);
    // Near 1e-7 the float32 products decide when the gradient is small enough.
    if (!name.startsWith('tight')) expect(probe.iterations).toBe(expected.iterations);
    const size = expected.coefficients.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    // At the bottom the loss is flat: what is 1e-9 of it may be 1e-3 of a coefficient.
    const near = (name.startsWith('tight-') ? 1e-3 : 2e-4) * size;
    expect(maxDifference(probe.coefficients, expected.coefficients)).toBeLessThan(near);
    expect(maxDifference(probe.intercepts, expected.intercepts)).toBeLessThan(near);
    const scores = await applyProbe(probe, features(`${name}-held-out`));
    expect(Array.from(scores.labels)).toEqual(expected.predictions);
    expect(maxDifference(scores.probabilities, expected.probabilities)).toBeLessThan(near / size);
  });
});

test('the result does not depend on the threads', async () => {
  const { labels } = index.cases['blobs'] ?? { labels: [] };
  const one = await fitProbe(features('blobs'), labels, { threads: 1 });
  const three = await fitProbe(features('blobs'), labels, { threads: 3 });
  expect(three).toEqual(one);
});

test("the sweep visits CLIP's grid and ends at a peak of it", async () => {
  const { labels } = index.cases['clip'] ?? { labels: [] };
  const all = features('clip');
  const half = all.rows / 2;
  const part = (from: number): { features: typeof all; labels: number[] } => ({
    features: { data: all.data.slice(from * all.dim, (from + half) * all.dim), rows: half, dim: all.dim },
    labels: labels.slice(from, from + half),
  });
  const sweep = await sweepProbe(part(0), part(half), { maxIterations: 200 });
  const exponents = sweep.tried.map(({ c }) => Math.log10(c));
  expect(exponents.slice(0, 7).map(Math.round)).toEqual([-6, -4, -2, 0, 2, 4, 6]);
  for (const exponent of exponents)
    expect(Math.abs(exponent * 8 - Math.round(exponent * 8))).toBeLessThan(1e-9);
  expect(sweep.tried.length).toBeLessThanOrEqual(15);
  expect(sweep.accuracy).toBe(Math.max(...sweep.tried.map(({ accuracy }) => accuracy)));
});

describe('what cannot be fitted is told', () => {
  const ok = { data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 };
  test.each([
    ['one class', ok, [1, 1], 'BAD_INPUT'],
    ['too few labels', ok, [1], 'DIMENSION_MISMATCH'],
    ['a label that is no number', ok, [0, NaN], 'BAD_INPUT'],
    ['a negative label', ok, [0, -1], 'BAD_INPUT'],
    ['NaN in a row', { ...ok, data: Float32Array.of(1, NaN, 3, 4) }, [0, 1], 'BAD_INPUT'],
    ['rows that do not match', { ...ok, rows: 3 }, [0, 1, 0], 'BAD_INPUT'],
    ['no rows', { data: new Float32Array(), rows: 0, dim: 2 }, [], 'BAD_INPUT'],
  ])('%s', async (_, rows, labels, code) => {
    await expect(fitProbe(rows, labels)).rejects.toMatchObject({ name: 'DiptychError', code });
  });
  test('an aborted signal', async () => {
    await expect(fitProbe(ok, [0, 1], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
