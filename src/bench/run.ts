import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiptychError, throwIfAborted } from '../errors.js';
import { native } from '../native/load.js';
import { nearest, parseOptions, read } from '../options.js';
import { HostPool } from './host-pool.js';
import { measureCase } from './measure.js';
import { watchMachine } from './machine.js';
import { benchModel, refuseEmpty } from './model.js';
import type { BenchAbsence, BenchRatio, BenchReport, BenchResult, CaseResult } from './records.js';
import { suites } from './suites/index.js';
import type { BenchSettings, CasePlan, Suite } from './types.js';

export interface BenchOptions {
  /** Names of suites; default: all. */
  readonly suites?: readonly string[];
  /** Only cases whose name holds this text. */
  readonly filter?: string | null;
  /** Model folder or name for the encoder and embed suites. Default: the bundled model. */
  readonly model?: string | null;
  /** Folder with the user's own photos for the preprocess and embed suites. */
  readonly images?: string | null;
  /** Measure other engines too, where installed. Default true. */
  readonly peers?: boolean;
  /** Every case once, for correctness: seconds in all. Default false. */
  readonly smoke?: boolean;
  /** Seconds each subject is measured for, at least. Default 2. */
  readonly seconds?: number;
  /** Threads of the many-threaded cases. Default: the cores this process may use. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Called before each case. */
  readonly onCase?: (plan: CasePlan, index: number, count: number) => void;
  /** Called with each case's results as they come. */
  readonly onResult?: (result: CaseResult) => void;
}

/** Names and titles of the suites. */
export const suiteNames: readonly string[] = suites.map((suite) => suite.name);

interface ResolvedOptions {
  readonly suites: readonly string[];
  readonly filter: string | null;
  readonly model: string | null;
  readonly images: string | null;
  readonly peers: boolean;
  readonly smoke: boolean;
  readonly seconds: number;
  readonly threads: number;
  readonly signal: AbortSignal | null;
  readonly onCase: ((plan: CasePlan, index: number, count: number) => void) | null;
  readonly onResult: ((result: CaseResult) => void) | null;
}

function textOrNull(value: unknown, name: string): string | null {
  if (value === null || typeof value === 'string') return value;
  throw new DiptychError('BAD_OPTION', 'expected a text', { input: name });
}

function names(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  throw new DiptychError('BAD_OPTION', 'expected a list of names', { input: name });
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

function onCaseOf(value: unknown, name: string): ResolvedOptions['onCase'] {
  if (value === null) return null;
  if (isFunction(value)) return value as NonNullable<ResolvedOptions['onCase']>;
  throw new DiptychError('BAD_OPTION', 'expected a function', { input: name });
}

function onResultOf(value: unknown, name: string): ResolvedOptions['onResult'] {
  if (value === null) return null;
  if (isFunction(value)) return value as NonNullable<ResolvedOptions['onResult']>;
  throw new DiptychError('BAD_OPTION', 'expected a function', { input: name });
}

function parse(given: unknown): ResolvedOptions {
  return parseOptions<ResolvedOptions>(
    given,
    {
      suites: names,
      filter: textOrNull,
      model: textOrNull,
      images: textOrNull,
      peers: read.boolean,
      smoke: read.boolean,
      seconds: read.number((value) => value > 0 && value <= 3600, 'seconds, more than 0'),
      threads: read.integer(1, 1024),
      signal: (value, name) => (value === null ? null : read.signal(value, name)),
      onCase: onCaseOf,
      onResult: onResultOf,
    },
    {
      suites: suiteNames,
      filter: null,
      model: null,
      images: null,
      peers: true,
      smoke: false,
      seconds: 2,
      threads: native().availableCores(),
      signal: null,
      onCase: null,
      onResult: null,
    },
    'bench options',
  );
}

function chosen(wanted: readonly string[]): Suite[] {
  return wanted.map((name) => {
    const suite = suites.find((one) => one.name === name);
    if (suite !== undefined) return suite;
    const near = nearest(name, suiteNames);
    throw new DiptychError(
      'BAD_OPTION',
      `there is no such suite${near === undefined ? '' : `; did you mean ${near}?`} (suites: ${suiteNames.join(', ')})`,
      { input: name },
    );
  });
}

/**
 * Runs the benchmark suites and gives the report. Blocks nothing here: all work happens in other processes.
 * Throws BAD_OPTION for unknown suites, ABORTED by the signal.
 */
export async function runBench(options?: BenchOptions): Promise<BenchReport> {
  const resolved = parse(options);
  const wanted = chosen(resolved.suites);
  if (resolved.model !== null) await benchModel(resolved);
  const scratch = await mkdtemp(join(tmpdir(), 'diptych-bench-'));
  const settings: BenchSettings = {
    smoke: resolved.smoke,
    seconds: resolved.smoke ? 0 : resolved.seconds,
    minSamples: resolved.smoke ? 1 : 10,
    // Short, so that a round of all subjects is over before the machine changes its speed.
    sampleMs: resolved.smoke ? 0 : 30,
    threads: resolved.threads,
    model: resolved.model,
    images: resolved.images,
    peers: resolved.peers,
    scratch,
  };
  const signal = resolved.signal ?? undefined;
  const describe = watchMachine();
  const results: BenchResult[] = [];
  const ratios: BenchRatio[] = [];
  const absent: BenchAbsence[] = [];
  const names: string[] = [];
  let chosenCases = 0;
  try {
    for (const suite of wanted) {
      throwIfAborted(signal);
      const all = await suite.plan(settings);
      const plans = all.filter(({ name }) => name.includes(resolved.filter ?? ''));
      names.push(...all.map(({ name }) => name));
      chosenCases += plans.length;
      const hosts = new HostPool();
      try {
        for (const [index, plan] of plans.entries()) {
          resolved.onCase?.(plan, index, plans.length);
          const found = await measureCase(plan, settings, hosts, signal);
          resolved.onResult?.(found);
          results.push(...found.results);
          ratios.push(...found.ratios);
          absent.push(...found.absent);
        }
      } finally {
        await hosts.end();
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  refuseEmpty(resolved.filter, names, chosenCases);
  const { smoke, seconds, minSamples, sampleMs, threads, model, images, peers } = settings;
  const told = { smoke, seconds, minSamples, sampleMs, threads, model, images, peers };
  return { machine: describe(), settings: told, results, ratios, absent };
}
