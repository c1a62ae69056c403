import type { Machine } from './machine.js';
import type { BenchReport, BenchResult } from './records.js';
import { median, quantile } from './statistics.js';
import {
  BEST,
  blockInterval,
  key,
  repeatNoise,
  Run,
  speeds,
  usualChange,
  workChange,
  type Pair,
} from './views.js';

export type Change = 'same' | 'faster' | 'slower';

export interface Comparison {
  readonly suite: string;
  readonly case: string;
  readonly subject: string;
  /** Speed now over speed then, as measured: below 1 is slower. */
  readonly speed: number;
  /** The same with the machine's own change between the two runs taken out, or null without controls. */
  readonly corrected: number | null;
  /** 95 % interval of `corrected`, or of `speed` where there is none. */
  readonly interval: readonly [low: number, high: number];
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
  /** The smallest change that these runs can show: the threshold, or what the machine's noise hides. */
  readonly resolution: number;
  /** The machine's own speed in the new run over that in the old one, by the reference loops; null without them. */
  readonly drift: number | null;
}

/** Stages of our own that other figures are held against: a change of theirs is ours. */
const STAGES: ReadonlySet<string> = new Set(['decode only', 'encoder only', 'image path only']);

const isOwn = ({ role, subject }: BenchResult): boolean =>
  role === 'own' || (role === 'limit' && STAGES.has(subject));

/** A change has to be this many standard deviations of a repeat of the same commit, on top of its own interval. */
const DEVIATIONS = 1.5;

/**
 * Where the machine itself was slower, work that waits for memory slows down more than the reference loop, and other
 * work less: by up to this share of what the loop did (of its logarithm).
 */
const ELASTICITY = 0.5;

/** What a change has to pass where the machine's own speed changed by `drift` (a factor; 1: not at all). */
function leastChange(resolution: number, drift: number): number {
  return 1 - (1 - resolution) * Math.exp(-ELASTICITY * Math.abs(Math.log(drift)));
}

type Judged = Pick<Comparison, 'speed' | 'corrected' | 'interval' | 'change'>;

/** `views` of the change, as factors of the speed: the first must pass `least`, the others half the threshold. */
function verdict(views: readonly number[], least: number, threshold: number): Change {
  const half = threshold / 2;
  const [first = 1, ...others] = views;
  if (first < 1 - least && others.every((view) => view < 1 - half)) return 'slower';
  if (first > 1 / (1 - least) && others.every((view) => view > 1 / (1 - half))) return 'faster';
  return 'same';
}

const known = (...views: readonly (number | null)[]): number[] => views.filter((view) => view !== null);

/** The end of an interval that is nearer to no change. */
function nearEnd([low, high]: readonly [number, number], change: number): number {
  return change < 1 ? high : low;
}

/**
 * With a reference loop in both runs: the speed relative to the loop of the same round must have changed by more than
 * the threshold and than what repeats of one commit do here, the interval of that change must exclude half the
 * threshold, and the speed as measured must not have gone the other way.
 */
function judgeRelative(
  [then, now]: Pair,
  before: readonly number[],
  after: readonly number[],
  work: number | null,
  least: number,
  threshold: number,
): Judged {
  const corrected = Math.exp(median(after) - median(before));
  const interval = blockInterval(before, after, (old, fresh) => Math.exp(fresh - old));
  const speed = median(speeds(now)) / median(speeds(then));
  const found = verdict(known(corrected, nearEnd(interval, corrected), work), least, threshold);
  // What the figures themselves say the other way round may be the loop's own luck.
  const contradicted = found === 'slower' ? speed > 1 : speed < 1;
  return { speed, corrected, interval, change: contradicted ? 'same' : found };
}

/**
 * Records from before there was a reference loop: the medians, the interval of their ratio, the fastest tenth of the
 * samples and the figure with the drift of the case's limits and peers taken out have to agree.
 */
function judgeAlone(
  [then, now]: Pair,
  drift: number | null,
  work: number | null,
  least: number,
  threshold: number,
): Judged {
  const [before, after] = [speeds(then), speeds(now)];
  const speed = median(after) / median(before);
  const best = quantile(after, BEST) / quantile(before, BEST);
  const interval = blockInterval(before, after, (old, fresh) => fresh / old);
  const corrected = drift === null ? null : speed / drift;
  const views = known(speed, nearEnd(interval, speed), best, corrected, work);
  return { speed, corrected, interval, change: verdict(views, least, threshold) };
}

/** The kernel that all others are judged by: plain C++ that nobody tunes. */
const CONTROL = 'reference';

/**
 * How much faster the machine itself was, without reference loops: the median change of the machine's limits and the
 * peers of the case, or of the reference kernel where it has none.
 */
function driftOf(old: Run, fresh: Run, one: BenchResult): number | null {
  if (one.subject === CONTROL) return null;
  const ofCase = [...old.results.values()].filter(
    (other) => other.suite === one.suite && other.case === one.case,
  );
  const outside = ofCase.filter((other) => !isOwn(other));
  const controls = outside.length > 0 ? outside : ofCase.filter(({ subject }) => subject === CONTROL);
  const changes = controls.flatMap((other) => {
    const later = fresh.results.get(key(other));
    return later === undefined ? [] : [median(speeds(later)) / median(speeds(other))];
  });
  return changes.length === 0 ? null : median(changes);
}

const listed = (values: readonly string[]): string => [...values].sort().join(' ');

/** What two runs of one machine have in common; where they differ, a change need not be the code's. */
const SAME: readonly (readonly [what: string, of: (machine: Machine) => string])[] = [
  ['machines', ({ cpu, cores }) => `${cpu}, ${String(cores)} cores`],
  ['CPU features', ({ features }) => listed(features)],
  ['kernels', ({ kernel }) => kernel],
  ['systems', ({ os }) => os],
  ['versions of Node.js', ({ node }) => node],
];

function warningsOf(old: BenchReport, fresh: BenchReport): string[] {
  const warnings = SAME.flatMap(([what, of]) => {
    const [then, now] = [of(old.machine), of(fresh.machine)];
    return then === now ? [] : [`different ${what}: ${then} and ${now}`];
  });
  const differ = (name: 'threads' | 'model' | 'images', what: string): void => {
    const [then, now] = [old.settings[name], fresh.settings[name]];
    if (then !== now)
      warnings.push(`different ${what}: ${String(then ?? 'none given')} and ${String(now ?? 'none given')}`);
  };
  differ('threads', 'thread counts');
  differ('model', 'models');
  differ('images', 'photos');
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
  const [then, now] = [new Run(old), new Run(fresh)];
  const own = old.results.filter(isOwn);
  const busy = old.machine.busy || fresh.machine.busy;
  const pairs = own.flatMap((one): Pair[] => {
    const later = now.results.get(key(one));
    return later === undefined || later.unit !== one.unit ? [] : [[one, later]];
  });
  const noise = repeatNoise(then, now, pairs);
  const hidden = noise === null ? (busy ? usualChange(pairs) : 0) : 1 - Math.exp(-DEVIATIONS * noise);
  const resolution = Math.max(threshold, hidden);
  const driftIn = ([one, later]: (typeof pairs)[number]): number | null => {
    const [before, after] = [then.loop(one), now.loop(later)];
    return before === undefined || after === undefined ? null : after / before;
  };
  const drifts = pairs.flatMap((pair) => driftIn(pair) ?? []);
  const comparisons = pairs.map((pair): Comparison => {
    const [one, later] = pair;
    const work = busy ? workChange(pair) : null;
    const [before, after] = [then.relative(one), now.relative(later)];
    const judged =
      before === undefined || after === undefined
        ? judgeAlone(pair, driftOf(then, now, one), work, resolution, threshold)
        : judgeRelative(pair, before, after, work, leastChange(resolution, driftIn(pair) ?? 1), threshold);
    return { suite: one.suite, case: one.case, subject: one.subject, ...judged };
  });
  const warnings = warningsOf(old, fresh);
  if (pairs.length === 0) warnings.push('the two runs have no case in common');
  return {
    comparisons,
    onlyOld: own.map(key).filter((name) => !now.results.has(name)),
    onlyNew: fresh.results.filter((one) => isOwn(one) && !then.results.has(key(one))).map(key),
    warnings,
    regressions: comparisons.filter((one) => one.change === 'slower').length,
    resolution,
    drift: drifts.length === 0 ? null : median(drifts),
  };
}
