import type { LimitKind } from '../native/limits-binding.js';
import { limitUnit } from './jobs/limits.js';
import type { SubjectPlan } from './types.js';

/** Bytes that the bandwidth is measured over: the size of the corpus in the similarity cases. */
const READ_BYTES = 200_000 * 512 * 4;

const LIMIT_NAMES: Readonly<Record<LimitKind, string>> = {
  fp32: 'fp32 peak',
  'fp32-from-cache': 'fp32 peak, from cache',
  int8: 'int8 peak',
  bf16: 'bf16 peak',
  read: 'read bandwidth',
};

/** A subject that measures what the machine can do at best, in the same rounds as the others. */
export function limitSubject(kind: LimitKind, threads = 1): SubjectPlan {
  const suffix = threads === 1 ? '' : ` x${String(threads)}`;
  return {
    name: `${LIMIT_NAMES[kind]}${suffix}`,
    role: 'limit',
    host: { kind: 'diptych', threads },
    job: 'limit',
    params: { kind, threads, ...(kind === 'read' ? { bytes: READ_BYTES } : {}) },
    // One iteration is one billion operations or bytes, so that rates come out in units of 10^9.
    work: 1,
    unit: limitUnit(kind),
    expect: 'skip',
  };
}

/** A subject that stands for a number that another one has to stay below, in the case's unit. */
export function allowed(value: number): SubjectPlan {
  return {
    name: 'allowed',
    role: 'limit',
    host: { kind: 'diptych' },
    job: 'constant',
    params: { value },
    expect: 'skip',
  };
}

/** What every case that is timed has beside its subjects, so that `compare` knows how fast the machine was. */
export const referenceLoop: SubjectPlan = {
  name: 'reference loop',
  role: 'control',
  host: { kind: 'diptych', threads: 1 },
  job: 'reference-loop',
  params: {},
  work: 1,
  unit: 'loops/s',
  expect: 'skip',
};
