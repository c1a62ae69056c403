import type { Json, Params } from './types.js';

/**
 * What the runner says to a host, one JSON object a line on the host's file descriptor 3; replies come on 4,
 * in order. The hosts of other engines (bench/peers) speak the same five verbs.
 */
export type HostRequest =
  | { readonly verb: 'hello' }
  | { readonly verb: 'open'; readonly handle: number; readonly job: string; readonly params: Params }
  | { readonly verb: 'run'; readonly handle: number; readonly iterations: number }
  /** Runs once and writes the result as raw little-endian numbers to `file`. */
  | { readonly verb: 'output'; readonly handle: number; readonly file: string }
  | { readonly verb: 'close'; readonly handle: number };

export type OutputDtype = 'float32' | 'int32' | 'uint8';

export interface HelloReply {
  /** Versions of what is measured, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly jobs: readonly string[];
}

export interface OpenReply {
  /** How the engine was set up, in words: every setting that matters for speed. */
  readonly settings: string;
}

export interface RunReply {
  /** Seconds of all iterations: by the clock, unless the job measures its own. */
  readonly seconds: number;
  /** By the clock, where the job measures its own seconds. */
  readonly wall?: number;
  /** CPU seconds of all threads of the process, where it knows them. */
  readonly cpu?: number;
  /** What the job reports itself, for cases of quantity `value`. */
  readonly value?: number;
}

export interface OutputReply {
  readonly dtype: OutputDtype;
  readonly shape: readonly number[];
}

/** `absent`: the engine is not installed, or not for this job; not an error of the run. */
export interface FailedReply {
  readonly error: string;
  readonly absent: boolean;
}

export type HostReply = HelloReply | OpenReply | RunReply | OutputReply | FailedReply | Record<string, Json>;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isFailed(reply: unknown): reply is FailedReply {
  return isRecord(reply) && typeof reply['error'] === 'string';
}
