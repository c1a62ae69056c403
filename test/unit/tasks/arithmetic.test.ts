import { expect, test } from '@jest/globals';
import {
  direction,
  directionalSimilarity,
  groupMeans,
  meanDirection,
  moveAlong,
  patchHeatMap,
  rankCandidates,
} from '#diptych/tasks/arithmetic.js';

const rows = (...lines: number[][]): { data: Float32Array; rows: number; dim: number } => ({
  data: Float32Array.from(lines.flat()),
  rows: lines.length,
  dim: lines[0]?.length ?? 0,
});
const close = (actual: Float32Array, expected: number[]): void => {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, at) => {
    expect(actual[at]).toBeCloseTo(value, 5);
  });
};

test('a planted direction is found, and moving along it arrives', () => {
  const from = rows([1, 0.01, 0], [1, -0.01, 0]);
  const to = rows([0, 0, 5]);
  const way = direction(from, to);
  close(way.data, [-Math.SQRT1_2, 0, Math.SQRT1_2]);
  close(moveAlong(rows([2, 0, 0]), way, Math.SQRT2).data, [0, 0, 1]);
  expect(() => direction(to, to)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  close(
    directionalSimilarity(
      { before: rows([1, 0]), after: rows([0, 1]) },
      { before: rows([3, 0]), after: rows([0, 2]) },
    ),
    [1],
  );
  close(
    directionalSimilarity(
      { before: rows([1, 0]), after: rows([0, 1]) },
      { before: rows([0, 1]), after: rows([1, 0]) },
    ),
    [-1],
  );
  close(
    directionalSimilarity(
      { before: rows([1, 0]), after: rows([1, 0]) },
      { before: rows([0, 1]), after: rows([1, 0]) },
    ),
    [0],
  );
});

test('crops of an image become one row', () => {
  const crops = rows([2, 0], [0, 1], [0, 3]);
  close(meanDirection(rows([2, 0], [0, 1])).data, [Math.SQRT1_2, Math.SQRT1_2]);
  close(groupMeans(crops, [1, 0, 1]).data, [0, 1, Math.SQRT1_2, Math.SQRT1_2]);
  expect(() => groupMeans(crops, [0, 2, 2])).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  expect(() => groupMeans(crops, [0])).toThrow(expect.objectContaining({ code: 'DIMENSION_MISMATCH' }));
});

test('candidates in order, with the softmax over them', () => {
  const ranked = rankCandidates(rows([1, 0]), rows([0, 1], [1, 0], [2, 0]), 2);
  expect(ranked.map(({ index }) => index)).toEqual([1, 2, 0]);
  const sum = 2 * Math.exp(2) + 1;
  expect(ranked[0]?.probability).toBeCloseTo(Math.exp(2) / sum, 6);
  expect(ranked[2]?.cosine).toBe(0);
});

test('the planted patch is the warmest', () => {
  const map = patchHeatMap(rows([1, 0], [0, 1], [1, 1], [-1, 0]), rows([0, 3]), { rows: 2, columns: 2 });
  close(map.data, [0, 1, Math.SQRT1_2, 0]);
  expect(() => patchHeatMap(rows([1, 0]), rows([0, 1]), { rows: 2, columns: 2 })).toThrow(
    expect.objectContaining({ code: 'DIMENSION_MISMATCH' }),
  );
});
