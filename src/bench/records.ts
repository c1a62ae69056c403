import type { Machine } from './machine.js';
import type { Bar, BenchSettings, Role } from './types.js';
import { isRecord } from './protocol.js';
import { DiptychError } from '../errors.js';

/** One subject of one case. */
export interface BenchResult {
  readonly suite: string;
  readonly case: string;
  readonly subject: string;
  readonly role: Role;
  /** The median, in `unit`. */
  readonly value: number;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** 95 % bootstrap interval of the median. */
  readonly interval: readonly [low: number, high: number];
  /** How many samples. */
  readonly samples: number;
  /** Each sample, in `unit`, in the order of the rounds. */
  readonly values: readonly number[];
  /** CPU seconds of an iteration for each sample, all threads together, where they are known. */
  readonly cpu?: readonly number[];
  /** Samples thrown away and taken again, because the hypervisor gave the core to others meanwhile. */
  readonly retaken?: number;
  /** What the correctness check found. */
  readonly check: string;
  /** How the engine was set up, and its version. */
  readonly settings: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** A ratio between two subjects of a case, from samples of the same rounds. */
export interface BenchRatio {
  readonly suite: string;
  readonly case: string;
  /** share: of a limit (the machine's or a stage's); ratio: between two subjects. */
  readonly kind: 'share' | 'ratio';
  readonly text: string;
  readonly of: string;
  readonly over: string;
  readonly value: number;
  readonly interval: readonly [low: number, high: number];
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Whether the bar is met; null where there is none. */
  readonly met: boolean | null;
}

/** A subject that is not in the tables, and why: never left out in silence. */
export interface BenchAbsence {
  readonly suite: string;
  readonly case: string;
  readonly subject: string;
  readonly reason: string;
  /** absent: not installed; failed: it should have worked. */
  readonly kind: 'absent' | 'failed';
  /** Of an engine other than ours: that it failed is no failure of the run. */
  readonly role?: 'peer';
}

export interface CaseResult {
  readonly results: readonly BenchResult[];
  readonly ratios: readonly BenchRatio[];
  readonly absent: readonly BenchAbsence[];
}

export interface BenchReport {
  readonly machine: Machine;
  readonly settings: Omit<BenchSettings, 'scratch'>;
  readonly results: readonly BenchResult[];
  readonly ratios: readonly BenchRatio[];
  readonly absent: readonly BenchAbsence[];
}

export function meets(value: number, bar: Pick<Bar, 'atLeast' | 'atMost'>): boolean | null {
  if (bar.atLeast !== undefined) return value >= bar.atLeast;
  return bar.atMost === undefined ? null : value <= bar.atMost;
}

/** Reads a results file. @throws DiptychError BAD_INPUT where it is not one. */
export function parseReport(text: string, file: string): BenchReport {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new DiptychError('BAD_INPUT', 'is not JSON', { input: file, cause });
  }
  if (!isReport(parsed)) {
    throw new DiptychError('BAD_INPUT', 'is not a results file of `diptych bench`', { input: file });
  }
  return parsed;
}

function isReport(value: unknown): value is BenchReport {
  if (!isRecord(value) || !isRecord(value['machine']) || !Array.isArray(value['results'])) return false;
  return value['results'].every(
    (entry) => isRecord(entry) && typeof entry['suite'] === 'string' && Array.isArray(entry['values']),
  );
}
