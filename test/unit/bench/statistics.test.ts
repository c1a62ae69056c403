import { describe, expect, test } from '@jest/globals';
import { bootstrap, median, pairedRatio, quantile, randomGenerator } from '#diptych/bench/statistics.js';

describe('statistics', () => {
  test('quantiles are interpolated between order statistics', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([0, 10], 0.9)).toBeCloseTo(9);
    expect(median([])).toBeNaN();
  });

  test('the bootstrap interval covers the true median in about 95 % of experiments', () => {
    const random = randomGenerator(5);
    let covered = 0;
    const experiments = 200;
    for (let i = 0; i < experiments; i++) {
      const values = Array.from({ length: 30 }, () => random() + random() + random());
      const [low, high] = bootstrap(
        values.length,
        (draw) => median(draw.map((at) => values[at] ?? Number.NaN)),
        i,
      );
      if (low <= 1.5 && high >= 1.5) covered++;
    }
    expect(covered / experiments).toBeGreaterThan(0.88);
  });

  test('a paired ratio is not moved by what slows both', () => {
    const slow = [1, 1, 5, 5, 1, 2, 9, 1];
    const { value, interval } = pairedRatio(
      slow.map((by) => 300 / by),
      slow.map((by) => 100 / by),
    );
    expect(value).toBeCloseTo(3);
    expect(interval[0]).toBeCloseTo(3);
    expect(interval[1]).toBeCloseTo(3);
  });
});
