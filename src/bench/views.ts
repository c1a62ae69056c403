import type { BenchReport, BenchResult } from './records.js';
import { bootstrap, median, quantile } from './statistics.js';

/** Result of the same subject in both runs, old first. */
export type Pair = readonly [old: BenchResult, fresh: BenchResult];

export const key = (one: BenchResult): string => `${one.suite} / ${one.case} / ${one.subject}`;
const caseKey = (one: BenchResult): string => `${one.suite} / ${one.case}`;

/** Memory below this is the allocator's mood (a resident set may even shrink). */
const LEAST_MIB = 8;

/** Speeds, whatever the unit: higher is better, and none is below or at zero. */
export function speeds({ better, unit, values }: BenchResult): number[] {
  if (better === 'higher') return [...values];
  return values.map((value) => 1 / (unit === 'MiB' ? Math.max(value, LEAST_MIB) : value));
}

/** Speeds of a run by subject, and the controls of its cases. */
export class Run {
  readonly results: ReadonlyMap<string, BenchResult>;
  readonly #loops: ReadonlyMap<string, readonly number[]>;

  constructor(report: BenchReport) {
    this.results = new Map(report.results.map((one) => [key(one), one]));
    this.#loops = new Map(
      report.results.filter(({ role }) => role === 'control').map((one) => [caseKey(one), one.values]),
    );
  }

  /** How fast the machine itself was in a case: the median of its reference loop. Undefined where it has none. */
  loop(result: BenchResult): number | undefined {
    const loop = this.#loops.get(caseKey(result));
    return loop === undefined || loop.length === 0 ? undefined : median(loop);
  }

  /**
   * Speeds as logarithms, each over that of the reference loop of its round, so that what the machine itself did falls
   * out. Undefined where the run has no such loop (it is older), or the subject too few samples to say anything.
   */
  relative(result: BenchResult): number[] | undefined {
    const loop = this.#loops.get(caseKey(result));
    const count = Math.min(loop?.length ?? 0, result.values.length);
    if (loop === undefined || count < 2) return undefined;
    return speeds(result)
      .slice(0, count)
      .map((speed, round) => Math.log(speed / (loop[round] ?? Number.NaN)));
  }
}

/** Interference lasts: neighbours in time are drawn together, in blocks of a fifth of the run. */
const BLOCKS = 5;

function drawBlocks(values: readonly number[], draw: readonly number[]): number[] {
  const size = Math.ceil(values.length / BLOCKS);
  const drawn = draw.flatMap((block) => values.slice(block * size, (block + 1) * size));
  return drawn.length === 0 ? [...values] : drawn;
}

/** 95 % interval of what two runs' medians make of each other, by the block bootstrap. */
export function blockInterval(
  before: readonly number[],
  after: readonly number[],
  join: (then: number, now: number) => number,
): readonly [low: number, high: number] {
  return bootstrap(
    2 * BLOCKS,
    (draw) => {
      const then = draw.slice(0, BLOCKS).map((block) => block % BLOCKS);
      const now = draw.slice(BLOCKS).map((block) => block % BLOCKS);
      return join(median(drawBlocks(before, then)), median(drawBlocks(after, now)));
    },
    7,
  );
}

/** Turns the median absolute deviation into a normal distribution's standard deviation. */
const NORMAL = 1.4826;

/** Halves needed before their spread says something. */
const ENOUGH = 6;

/**
 * Standard deviation (of the logarithm) that a repeat of the same commit has here, told by the runs themselves: the
 * first half of each subject's rounds against its second half, where nothing can have changed but the machine. A half's
 * median has twice the variance of the whole's, so two runs differ by 1 / sqrt(2) of what two halves do. Null where
 * there are too few.
 */
export function repeatNoise(old: Run, fresh: Run, pairs: readonly Pair[]): number | null {
  const sides = pairs.flatMap(([then, now]) => [old.relative(then), fresh.relative(now)]);
  const changes = sides.flatMap((rounds) => {
    if (rounds === undefined || rounds.length < ENOUGH) return [];
    const middle = Math.floor(rounds.length / 2);
    return [median(rounds.slice(middle)) - median(rounds.slice(0, middle))];
  });
  if (changes.length < ENOUGH) return null;
  return (NORMAL * median(changes.map(Math.abs))) / Math.SQRT2;
}

/** The other cases' changes of a run without reference loops: three robust standard deviations. */
export function usualChange(pairs: readonly Pair[]): number {
  const enoughCases = 8;
  if (pairs.length < enoughCases) return 0;
  const logs = pairs.map(([then, now]) => Math.log(median(speeds(now)) / median(speeds(then))));
  const middle = median(logs);
  return 1 - Math.exp(-3 * NORMAL * median(logs.map((value) => Math.abs(value - middle))));
}

/** The fast end of the samples: other work on the machine can only slow a sample down. */
export const BEST = 0.9;

/**
 * CPU time of an iteration then over now: above 1, the same work took less of the cores. Null where it is not
 * known, or is too small a part of the time to tell (work in child processes).
 */
export function workChange([then, now]: Pair): number | null {
  if (then.cpu === undefined || now.cpu === undefined) return null;
  const [before, after] = [quantile(then.cpu, 1 - BEST), quantile(now.cpu, 1 - BEST)];
  return before > 0.001 && after > 0.001 ? before / after : null;
}
