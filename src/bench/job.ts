import type { OutputDtype } from './protocol.js';
import type { Params } from './types.js';
import { DiptychError } from '../errors.js';

/** The result of a job, for the correctness check. */
export interface JobOutput {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

/** A piece of work, opened and ready: all that must not be timed has been done. */
export interface Job {
  /** One iteration. */
  readonly run: () => void | Promise<void>;
  /** The result of the last iteration. Absent where there is nothing to compare. */
  readonly output?: () => JobOutput | Promise<JobOutput>;
  /** The number to report instead of the time taken (cases of quantity `value`), asked after each sample. */
  readonly value?: () => number | Promise<number>;
  /** Seconds of the last iteration where the job measures them itself (a child process, the machine's limits). */
  readonly seconds?: () => number;
  readonly close?: () => void | Promise<void>;
  /** Settings in words. */
  readonly settings: string;
}

export type JobFactory = (params: Params) => Job | Promise<Job>;

export function outputDtype(data: JobOutput['data']): OutputDtype {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Int32Array ? 'int32' : 'uint8';
}

/** Typed access to a job's parameters; a missing or wrong one is an error that names it. */
export class ParamReader {
  readonly #params: Params;

  constructor(params: Params) {
    this.#params = params;
  }

  #fail(name: string, wanted: string): never {
    throw new DiptychError('BAD_OPTION', `expected ${wanted}`, { input: `job parameter ${name}` });
  }

  string(name: string): string {
    const value = this.#params[name];
    return typeof value === 'string' ? value : this.#fail(name, 'a string');
  }

  number(name: string): number {
    const value = this.#params[name];
    return typeof value === 'number' ? value : this.#fail(name, 'a number');
  }

  strings(name: string): readonly string[] {
    const value = this.#params[name];
    if (!Array.isArray(value)) return this.#fail(name, 'a list of strings');
    return value.map((entry) => (typeof entry === 'string' ? entry : this.#fail(name, 'a list of strings')));
  }

  /** The string, or `fallback` where the parameter is absent. */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = choices.find((choice) => choice === this.#params[name]);
    return value ?? this.#fail(name, `one of ${choices.join(', ')}`);
  }

  optional(name: string, fallback: string): string {
    const value = this.#params[name];
    if (value === undefined) return fallback;
    return typeof value === 'string' ? value : this.#fail(name, 'a string');
  }

  has(name: string): boolean {
    return this.#params[name] !== undefined;
  }

  raw(name: string): unknown {
    return this.#params[name];
  }
}
