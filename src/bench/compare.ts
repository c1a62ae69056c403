import type { BenchReport, BenchResult } from './records.js';
import { bootstrap, median, quantile } from './statistics.js';

export type Change = 'same' | 'faster' | 'slower';

export interface Comparison {
  readonly suite: string;
  readonly case: string;
  readonly subject: string;
  /** Speed now over speed then: below 1 is slower. */
  readonly speed: number;
  readonly interval: readonly [low: number, high: number];
  /** The same with the machine's own change between the two runs taken out, or null without controls. */
  readonly corrected: number | null;
  readonly change: Change;
}

export interface CompareOptions {
  /** Changes up to this share are never reported (0.05: 5 %). */
  readonly threshold: number;
}

export interface CompareReport {
  readonly comparisons: readonly Comparison[];
  /** In one file only. */
  readonly onlyOld: readonly string[];
  readonly onlyNew: readonly string[];
  /** Why the two files may not be comparable at all, one sentence each. */
  readonly warnings: readonly string[];
  readonly regressions: number;
}

const key = (one: BenchResult): string => `${one.suite} / ${one.case} / ${one.subject}`;

/** Speeds, whatever the unit: higher is better. */
function speeds(result: BenchResult): number[] {
  return result.better === 'higher' ? [...result.values] : result.values.map((value) => 1 / value);
}

/** Interference lasts: neighbours in time are drawn together, in blocks of a fifth of the run. */
const BLOCKS = 5;

function blockMedian(values: readonly number[], draw: readonly number[]): number {
  const size = Math.ceil(values.length / BLOCKS);
  const drawn = draw.flatMap((block) => values.slice(block * size, (block + 1) * size));
  return median(drawn.length === 0 ? values : drawn);
}

function speedInterval(before: readonly number[], after: readonly number[]): readonly [number, number] {
  return bootstrap(
    2 * BLOCKS,
    (draw) => {
      const then = draw.slice(0, BLOCKS).map((block) => block % BLOCKS);
      const now = draw.slice(BLOCKS).map((block) => block % BLOCKS);
      return blockMedian(after, now) / blockMedian(before, then);
    },
    7,
  );
}

/** The fast end of the samples: other work on the machine can only slow a sample down. */
const BEST = 0.9;

/**
 * A change counts when four views of it agree: the medians differ by more than the threshold, the interval of
 * their ratio excludes half of it, the fastest tenth of the samples moved by half of it, and so did the figure
 * with the machine's own drift (the limits and peers of the same case) taken out. One view alone calls far
 * too many repeats of the same commit different on a shared machine. Where a run was made on a busy machine,
 * the CPU time has to have changed by half the threshold as well (waiting for a core is nobody's regression), and
 * the change must stand out from those of the other cases: their spread is what a repeat of this commit does here.
 */
function judge(
  before: readonly number[],
  after: readonly number[],
  drift: number | null,
  work: number | null,
  threshold: number,
): Omit<Comparison, 'suite' | 'case' | 'subject'> {
  const speed = median(after) / median(before);
  const best = quantile(after, BEST) / quantile(before, BEST);
  const interval = speedInterval(before, after);
  const corrected = drift === null ? null : speed / drift;
  const half = threshold / 2;
  const slower =
    speed < 1 - threshold &&
    interval[1] < 1 - half &&
    best < 1 - half &&
    (corrected === null || corrected < 1 - half) &&
    (work === null || work < 1 - half);
  const faster =
    speed > 1 / (1 - threshold) &&
    interval[0] > 1 / (1 - half) &&
    best > 1 / (1 - half) &&
    (corrected === null || corrected > 1 / (1 - half)) &&
    (work === null || work > 1 / (1 - half));
  return { speed, interval, corrected, change: slower ? 'slower' : faster ? 'faster' : 'same' };
}

/**
 * CPU time of an iteration then over now: above 1, the same work took less of the cores. Null where it is not
 * known, or is too small a part of the time to tell (work in child processes).
 */
function workChange(then: BenchResult, now: BenchResult): number | null {
  if (then.cpu === undefined || now.cpu === undefined) return null;
  const [before, after] = [quantile(then.cpu, 1 - BEST), quantile(now.cpu, 1 - BEST)];
  return before > 0.001 && after > 0.001 ? before / after : null;
}

/** Cases needed before their spread says something. */
const ENOUGH_CASES = 8;

/** The change of a case that others on a busy machine show by themselves: three robust standard deviations. */
function usualChange(pairs: readonly (readonly [BenchResult, BenchResult])[]): number {
  if (pairs.length < ENOUGH_CASES) return 0;
  const logs = pairs.map(([then, now]) => Math.log(median(speeds(now)) / median(speeds(then))));
  const middle = median(logs);
  // 1.4826 turns the median absolute deviation into a normal distribution's standard deviation.
  const deviation = 1.4826 * median(logs.map((value) => Math.abs(value - middle)));
  return 1 - Math.exp(-3 * deviation);
}

/** The kernel that all others are judged by: plain C++ that nobody tunes. */
const CONTROL = 'reference';

/**
 * How much faster the machine itself was: the median change of the limits and peers of the case, or of the reference
 * kernel where it has none.
 */
function driftOf(
  then: readonly BenchResult[],
  now: ReadonlyMap<string, BenchResult>,
  name: string,
): number | null {
  const ofCase = then.filter((one) => `${one.suite} / ${one.case}` === name);
  const others = ofCase.filter((one) => one.role !== 'own');
  const controls = others.length > 0 ? others : ofCase.filter((one) => one.subject === CONTROL);
  const changes = controls.flatMap((one) => {
    const later = now.get(key(one));
    return later === undefined ? [] : [median(speeds(later)) / median(speeds(one))];
  });
  return changes.length === 0 ? null : median(changes);
}

function warningsOf(old: BenchReport, fresh: BenchReport): string[] {
  const warnings: string[] = [];
  if (old.machine.cpu !== fresh.machine.cpu || old.machine.cores !== fresh.machine.cores) {
    warnings.push(`different machines: ${old.machine.cpu} and ${fresh.machine.cpu}`);
  }
  if (old.machine.kernel !== fresh.machine.kernel) {
    warnings.push(`different kernels: ${old.machine.kernel} and ${fresh.machine.kernel}`);
  }
  if (old.settings.threads !== fresh.settings.threads) {
    warnings.push(
      `different thread counts: ${String(old.settings.threads)} and ${String(fresh.settings.threads)}`,
    );
  }
  for (const [name, report] of [
    ['old', old],
    ['new', fresh],
  ] as const) {
    if (report.machine.busy) warnings.push(`the ${name} run was made on a busy machine`);
    if (report.settings.smoke) warnings.push(`the ${name} run is a smoke run: its figures mean nothing`);
  }
  return warnings;
}

/** Compares Diptych's own subjects of two runs. */
export function compareReports(
  old: BenchReport,
  fresh: BenchReport,
  { threshold }: CompareOptions,
): CompareReport {
  const now = new Map(fresh.results.map((one) => [key(one), one]));
  const then = new Map(old.results.map((one) => [key(one), one]));
  const own = old.results.filter((one) => one.role === 'own');
  const busy = old.machine.busy || fresh.machine.busy;
  const pairs = own.flatMap((one): (readonly [BenchResult, BenchResult])[] => {
    const later = now.get(key(one));
    return later === undefined || later.unit !== one.unit ? [] : [[one, later]];
  });
  const least = Math.max(threshold, busy ? usualChange(pairs) : 0);
  const comparisons = pairs.map(([one, later]) => {
    const drift = one.subject === CONTROL ? null : driftOf(old.results, now, `${one.suite} / ${one.case}`);
    const work = busy ? workChange(one, later) : null;
    const { suite, case: name, subject } = one;
    return { suite, case: name, subject, ...judge(speeds(one), speeds(later), drift, work, least) };
  });
  return {
    comparisons,
    onlyOld: own.map(key).filter((name) => !now.has(name)),
    onlyNew: fresh.results.filter((one) => one.role === 'own' && !then.has(key(one))).map(key),
    warnings: warningsOf(old, fresh),
    regressions: comparisons.filter((one) => one.change === 'slower').length,
  };
}
