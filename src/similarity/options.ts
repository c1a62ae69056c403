import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativeSimilarityOptions } from '../native/similarity-binding.js';
import { describe } from './rows.js';

/** How scores are made. Unknown keys are errors. */
export interface SimilarityOptions {
  /** `cosine`: the rows' lengths do not count, zero rows score 0. `dot`: the inner product. Default `cosine`. */
  readonly metric?: 'cosine' | 'dot';
  /** Threads to use. Default: the cores this process may use. */
  readonly threads?: number;
  /** Stops the work within milliseconds; the call is then rejected with code ABORTED. */
  readonly signal?: AbortSignal;
}

export type Precision = NativeSimilarityOptions['precision'];
const PRECISIONS: readonly Precision[] = ['exact', 'fp32', 'bf16', 'int8'];
const METRICS = ['cosine', 'dot'] as const;

/** Throws BAD_OPTION unless every key is one of `known`. */
export function checkKeys(options: object, known: readonly string[]): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new DiptychError('BAD_OPTION', `expected an object, got ${describe(given)}`, { input: 'options' });
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new DiptychError('BAD_OPTION', `unknown option; known are ${known.join(', ')}`, { input: key });
  }
}

/** Throws BAD_OPTION unless there is no such function, or it is one. */
export function checkProgress(onProgress: unknown): void {
  if (onProgress === undefined || typeof onProgress === 'function') return;
  throw new DiptychError('BAD_OPTION', `expected a function, got ${describe(onProgress)}`, {
    input: 'onProgress',
  });
}

/** The options as the addon takes them. Throws BAD_OPTION. */
export function resolveOptions(
  options: SimilarityOptions & { readonly precision?: Precision },
  precision: Precision,
): NativeSimilarityOptions {
  const { signal } = options;
  if (signal !== undefined && typeof (signal as { aborted?: unknown } | null)?.aborted !== 'boolean') {
    throw new DiptychError('BAD_OPTION', `expected an AbortSignal, got ${describe(signal)}`, {
      input: 'signal',
    });
  }
  return {
    metric: oneOf(options.metric, METRICS, 'cosine', 'metric'),
    precision: oneOf(options.precision, PRECISIONS, precision, 'precision'),
    threads: options.threads === undefined ? native().availableCores() : threadCount(options.threads),
  };
}

/** One of the known names, or the fallback for undefined. Throws BAD_OPTION. */
export function oneOf<T extends string>(value: unknown, known: readonly T[], fallback: T, input: string): T {
  if (value === undefined) return fallback;
  const found = known.find((name) => name === value);
  if (found !== undefined) return found;
  throw new DiptychError('BAD_OPTION', `expected one of ${known.join(', ')}, got ${describe(value)}`, {
    input,
  });
}

/** A finite number, or the fallback for undefined. Throws BAD_OPTION. */
export function finiteOption(value: unknown, fallback: number, input: string): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new DiptychError('BAD_OPTION', `expected a finite number, got ${describe(value)}`, { input });
}

function threadCount(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 256) return value;
  throw new DiptychError('BAD_OPTION', `expected a whole number from 1 to 256, got ${describe(value)}`, {
    input: 'threads',
  });
}
