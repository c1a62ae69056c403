import type { LimitKind } from '../../native/limits-binding.js';
import { native } from '../../native/load.js';
import type { Job } from '../job.js';
import { ParamReader } from '../job.js';
import type { Params } from '../types.js';

const KINDS: readonly LimitKind[] = ['fp32', 'fp32-from-cache', 'int8', 'bf16', 'read'];

/** Milliseconds of one measurement: long enough for the clock to settle, short enough to be interleaved. */
const SLICE_MS = 100;

/** Work of one iteration in the units of {@link limitUnit}: iterations are timed as seconds per unit. */
export function limitUnit(kind: LimitKind): string {
  if (kind === 'read') return 'GB/s';
  return kind.startsWith('fp32') ? 'GFLOP/s' : 'GOP/s';
}

/** The machine's own speed: one iteration is 10^9 operations or bytes, and lasts as long as those take. */
export function limitJob(params: Params): Job {
  const reader = new ParamReader(params);
  const wanted = reader.string('kind');
  const kind = KINDS.find((name) => name === wanted) ?? 'fp32';
  const threads = reader.number('threads');
  // Filled, so that every page is there before the first measurement.
  const memory = kind === 'read' ? new Uint8Array(reader.number('bytes')).fill(1) : null;
  const measure = (): { readonly perSecond: number; readonly kernel: string } =>
    native().measureLimit(kind, threads, SLICE_MS, memory);
  const { kernel } = native().measureLimit(kind, threads, 1, memory);
  let perSecond = 1;
  return {
    settings: `${kernel} loop, ${String(threads)} ${threads === 1 ? 'thread' : 'threads'}`,
    run: () => {
      ({ perSecond } = measure());
    },
    seconds: () => 1e9 / perSecond,
  };
}

/** A number that is given, not measured: what a case of quantity `value` has to stay below. */
export function constantJob(params: Params): Job {
  const value = new ParamReader(params).number('value');
  return { settings: 'a given number', run: () => Promise.resolve(), value: () => value };
}

/** Entries of the reference loop's table: 256 KiB, so that it lives in the second-level cache, as most of our data. */
const TABLE = 2 ** 16;
const STEPS = 2 ** 16;

/**
 * How fast the machine itself is: the same plain JavaScript in every commit, with what our work is made of: reads from a
 * table, integer and floating-point arithmetic, and a branch that cannot be foreseen. Two runs are held against it.
 */
export function referenceLoopJob(): Job {
  const table = Uint32Array.from({ length: TABLE }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
  let state = 1;
  let sum = 0;
  return {
    settings: `${String(STEPS)} steps of plain JavaScript, 1 thread`,
    run: () => {
      for (let i = 0; i < STEPS; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        const found = table[state & (TABLE - 1)] ?? 0;
        if ((found & 1024) === 0) sum += (found & 255) * 0.5;
        else sum -= (i & 127) * 0.25;
      }
    },
    output: () => ({ data: Float32Array.of(sum), shape: [1] }),
  };
}
