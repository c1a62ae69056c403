import { native } from '../../native/load.js';
import type { Job } from '../job.js';
import { ParamReader } from '../job.js';
import type { Params } from '../types.js';

const KINDS = ['fp32', 'int8', 'bf16', 'read'] as const;
type Kind = (typeof KINDS)[number];

/** Milliseconds of one measurement: long enough for the clock to settle, short enough to be interleaved. */
const SLICE_MS = 100;

/** Work of one iteration in the units of {@link limitUnit}: iterations are timed as seconds per unit. */
export function limitUnit(kind: Kind): string {
  if (kind === 'read') return 'GB/s';
  return kind === 'fp32' ? 'GFLOP/s' : 'GOP/s';
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
