import { describe, expect, test } from '@jest/globals';
import {
  calibrationError,
  classificationMetrics,
  confusionShares,
  labelMoves,
  robustness,
} from '#diptych/tasks/metrics.js';
import { retrievalFromScores, retrievalMetrics } from '#diptych/tasks/retrieval.js';

const scores = (rows: number[][]): { data: Float32Array; rows: number; columns: number } => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  columns: rows[0]?.length ?? 0,
});

test('calibration: the gaps of the bins, weighted by their size; 1/15 belongs to the first bin', () => {
  expect(calibrationError([0.9, 0.9, 0.9, 0.9], [true, true, true, false])).toBeCloseTo(0.15, 12);
  expect(calibrationError([1 / 15, 0.95], [true, true])).toBeCloseTo((1 - 1 / 15 + 0.05) / 2, 12);
  const metrics = classificationMetrics(
    scores([
      [2, 1],
      [0, 3],
    ]),
    [0, 0],
    scores([
      [0.8, 0.2],
      [0.1, 0.9],
    ]),
  );
  expect(metrics.ece).toBeCloseTo((0.2 + 0.9) / 2, 6);
});

test('equal scores: the lower class and the lower row win', () => {
  const metrics = classificationMetrics(
    scores([
      [1, 1, 1, 1, 1, 1],
      [0, 2, 2, 2, 2, 2],
    ]),
    [0, 5],
  );
  expect(metrics.acc1).toBe(0.5);
  expect(metrics.acc5).toBe(1);
  const all = retrievalFromScores(
    scores([
      [1, 1],
      [1, 1],
      [1, 1],
    ]),
    [1, 0, 1],
    [1, 2, 3],
  );
  expect(all.imageRetrieval.recall).toEqual({ 1: 1 / 3, 2: 1, 3: 1 });
  expect(all.textRetrieval.recall).toEqual({ 1: 0.5, 2: 1, 3: 1 });
});

test('the gap between test sets, shares of a confusion matrix, and moves between label lists', () => {
  const report = robustness([
    { name: 'base', acc1: 0.8 },
    { name: 'sketch', acc1: 0.5 },
  ]);
  expect(report.mean).toBeCloseTo(0.65, 12);
  expect(report.gaps[0]).toEqual({ name: 'sketch', gap: expect.closeTo(0.3, 12) });
  expect(Array.from(confusionShares(Int32Array.of(3, 1, 0, 0)).data)).toEqual([0.75, 0.25, 0, 0]);
  const before = {
    scores: scores([
      [2, 1],
      [2, 1],
      [1, 2],
    ]),
    labels: ['thief', 'person'],
  };
  const after = {
    scores: scores([
      [1, 0, 2],
      [2, 0, 1],
      [0, 1, 3],
    ]),
    labels: ['thief', 'person', 'child'],
  };
  expect(labelMoves(before, after)).toEqual({
    moved: 2 / 3,
    moves: [
      { from: 'thief', to: 'child', count: 1 },
      { from: 'person', to: 'child', count: 1 },
    ],
  });
});

test('an image without a text does not ask, and is counted', async () => {
  const images = { data: Float32Array.of(1, 0, 0, 1, -1, 0), rows: 3, dim: 2 };
  const texts = { data: Float32Array.of(0, 1, 1, 0), rows: 2, dim: 2 };
  const found = await retrievalMetrics(images, texts, [1, 0], { recallK: [1] });
  expect(found).toMatchObject({
    imagesWithoutText: 1,
    meanRecall: 1,
    textRetrieval: { queries: 2, meanRank: 1 },
  });
});

describe('misuse is told', () => {
  const ok = scores([[1, 2]]);
  test.each([
    ['an unknown class', (): unknown => classificationMetrics(ok, [2]), 'BAD_INPUT'],
    ['labels that do not match', (): unknown => classificationMetrics(ok, [0, 1]), 'DIMENSION_MISMATCH'],
    ['an empty set', (): unknown => classificationMetrics(scores([]), []), 'BAD_INPUT'],
    ['NaN', (): unknown => classificationMetrics(scores([[NaN, 1]]), [0]), 'BAD_INPUT'],
    ['no test set', (): unknown => robustness([]), 'BAD_INPUT'],
    ['a text of no image', (): unknown => retrievalFromScores(ok, [7]), 'BAD_INPUT'],
    ['k of 0', (): unknown => retrievalFromScores(ok, [0], [0]), 'BAD_OPTION'],
  ])('%s', (_, body, code) => {
    expect(body).toThrow(expect.objectContaining({ name: 'DiptychError', code }));
  });
});
