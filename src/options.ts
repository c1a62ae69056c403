import { availableParallelism } from 'node:os';
import { DiptychError } from './errors.js';
import type { LongText, TextCleaning } from './text/types.js';
import type { GraphDtype } from './models/card.js';

/** Where the encoders run. `auto`: CUDA where it is usable, else the CPU, saying so; `cuda:0,1`: on several GPUs. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${string}`;

/** Options of {@link loadModel}. Unknown keys are errors. */
export interface ModelOptions {
  /** Default `auto`. An explicit `cuda` fails where CUDA cannot be used. */
  readonly device?: Device;
  /** Which weights to load. Default `auto`: fp32 on the CPU (int8 where there is nothing else), fp16 on CUDA. */
  readonly dtype?: 'auto' | GraphDtype;
  /** Items per encoder run. Default `auto`. A graph with a fixed batch overrides it. */
  readonly batchSize?: number | 'auto';
  /** Decode threads. Default: the cores this process may use. */
  readonly workers?: number;
  /** Threads inside each encoder session. Default: the cores this process may use. */
  readonly threads?: number;
  /** exact: Pillow's pixels; fast: JPEGs decoded at 1/2 or 1/4 where the target is smaller. Default `exact`. */
  readonly decode?: 'exact' | 'fast';
  /** Apply EXIF orientation. Default false, as the official Python. */
  readonly autoOrient?: boolean;
  /** Limit on declared pixels per image. Default 178,956,970 (Pillow's bomb limit). */
  readonly maxPixels?: number;
  /** Limit on the file size of an image in bytes. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Milliseconds that reading and decoding one image may take (IMAGE_TIMEOUT). Default 0: no limit. */
  readonly imageTimeoutMs?: number;
  /** Convert colours to sRGB by the embedded ICC profile. Default false, as the official Python. */
  readonly icc?: boolean;
  /** Keep what is there of a truncated image instead of failing it. Default false. */
  readonly allowTruncated?: boolean;
  /** How texts are mended first. Default `auto`: what the official Python does for that folder's layout. */
  readonly textCleaning?: TextCleaning;
  /** What to do with a text that does not fit the context. Default `truncate`. */
  readonly longText?: LongText;
  /** L2-normalise embeddings. Default true. */
  readonly normalize?: boolean;
  /** Logit scale to use instead of the folder's, as a factor (100 for CLIP). */
  readonly logitScale?: number;
  /** Logit bias where the folder does not tell it (SigLIP's trained -12.9 or so). */
  readonly logitBias?: number;
  /** Called with one sentence for everything the user should know but that does not stop the work. */
  readonly onWarning?: (message: string) => void;
}

/** {@link ModelOptions} after parsing: complete, checked, frozen. */
export interface ResolvedModelOptions {
  readonly device: Device;
  readonly dtype: 'auto' | GraphDtype;
  readonly batchSize: number | 'auto';
  readonly workers: number;
  readonly threads: number;
  readonly decode: 'exact' | 'fast';
  readonly autoOrient: boolean;
  readonly maxPixels: number;
  readonly maxBytes: number;
  readonly imageTimeoutMs: number;
  readonly icc: boolean;
  readonly allowTruncated: boolean;
  readonly textCleaning: TextCleaning;
  readonly longText: LongText;
  readonly normalize: boolean;
  readonly logitScale: number | null;
  readonly logitBias: number | null;
  readonly onWarning: (message: string) => void;
}

/** Pillow raises above twice its warning limit of 1024^3 / 4 / 3 pixels. */
export const DEFAULT_MAX_PIXELS = 178_956_970;
export const DEFAULT_MAX_BYTES = 1024 ** 3;
/** 49 days: what fits into the 32 bits that the addon counts milliseconds in. */
export const MAX_TIMEOUT_MS = 2 ** 32 - 1;

/** Reads one option: returns the value to use or throws BAD_OPTION. */
export type Reader<T> = (value: unknown, name: string) => T;

const describe = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return value.toString();
    case 'undefined':
      return 'undefined';
    case 'object':
    case 'function':
    case 'symbol':
      return value === null ? 'null' : `a value of type ${typeof value}`;
  }
};

const fail = (name: string, expected: string, value: unknown): never => {
  throw new DiptychError('BAD_OPTION', `expected ${expected}, got ${describe(value)}`, { input: name });
};

export const read = {
  oneOf:
    <T extends string>(...choices: readonly T[]): Reader<T> =>
    (value, name) =>
      choices.find((choice) => choice === value) ?? fail(name, `one of ${choices.join(', ')}`, value),
  integer:
    (least: number, most = Number.MAX_SAFE_INTEGER): Reader<number> =>
    (value, name) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
        ? value
        : fail(
            name,
            most === Number.MAX_SAFE_INTEGER
              ? `an integer of at least ${String(least)}`
              : `an integer from ${String(least)} to ${String(most)}`,
            value,
          ),
  number:
    (accept: (value: number) => boolean, expected: string): Reader<number> =>
    (value, name) =>
      typeof value === 'number' && accept(value) ? value : fail(name, expected, value),
  boolean: ((value, name) =>
    typeof value === 'boolean' ? value : fail(name, 'true or false', value)) satisfies Reader<boolean>,
  string: ((value, name) =>
    typeof value === 'string' && value !== ''
      ? value
      : fail(name, 'a non-empty string', value)) satisfies Reader<string>,
  callback: ((value, name) =>
    typeof value === 'function'
      ? (value as (message: string) => void)
      : fail(name, 'a function', value)) satisfies Reader<(message: string) => void>,
  signal: ((value, name) =>
    value instanceof AbortSignal ||
    (typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value)
      ? (value as AbortSignal)
      : fail(name, 'an AbortSignal', value)) satisfies Reader<AbortSignal>,
  either:
    <T, U>(first: (value: unknown) => value is T, second: Reader<U>): Reader<T | U> =>
    (value, name) =>
      first(value) ? value : second(value, name),
} as const;

/** Edit distance, for hints. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The nearest of `names` to `wanted`, where near enough to be a typing mistake. */
export function nearest(wanted: string, names: readonly string[]): string | undefined {
  const lower = wanted.toLowerCase();
  const ranked = names
    .map((name) => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(wanted.length / 3))
    ? best.name
    : undefined;
}

type Readers<T> = { readonly [K in keyof T]: Reader<T[K]> };

/**
 * Checks an options object against a table of readers. Absent and undefined keys take `defaults`;
 * a key that is not in the table is an error with a hint.
 */
export function parseOptions<T extends object>(
  given: unknown,
  readers: Readers<T>,
  defaults: T,
  what: string,
): Readonly<T> {
  if (given === undefined) return Object.freeze({ ...defaults });
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new DiptychError('BAD_OPTION', `expected an object of options, got ${describe(given)}`, {
      input: what,
    });
  }
  const names = Object.keys(readers);
  const result: Record<string, unknown> = { ...(defaults as Readonly<Record<string, unknown>>) };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(readers, name)) {
      const hint = nearest(name, names);
      throw new DiptychError(
        'BAD_OPTION',
        `unknown option ${JSON.stringify(name)}${hint === undefined ? `; known: ${names.join(', ')}` : `; did you mean ${hint}?`}`,
        { input: what },
      );
    }
    if (value !== undefined) result[name] = readers[name as keyof T](value, `${what}.${name}`);
  }
  return Object.freeze(result) as Readonly<T>;
}

const isAuto = (value: unknown): value is 'auto' => value === 'auto';
/** Whether a value names a device: `cuda:` is followed by one or several numbers of GPUs. */
export const isDevice = (value: unknown): value is Device =>
  typeof value === 'string' && /^(auto|cpu|cuda(:\d{1,3}(,\d{1,3})*)?)$/.test(value);
const device: Reader<Device> = (value, name) =>
  isDevice(value) ? value : fail(name, 'auto, cpu, cuda, cuda:N or cuda:N,M', value);

const modelReaders: Readers<ResolvedModelOptions> = {
  device,
  dtype: read.oneOf('auto', 'fp32', 'fp16', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4'),
  batchSize: read.either(isAuto, read.integer(1, 65536)),
  workers: read.integer(1, 1024),
  threads: read.integer(1, 1024),
  decode: read.oneOf('exact', 'fast'),
  autoOrient: read.boolean,
  maxPixels: read.integer(1),
  maxBytes: read.integer(1),
  imageTimeoutMs: read.integer(0, MAX_TIMEOUT_MS),
  icc: read.boolean,
  allowTruncated: read.boolean,
  textCleaning: read.oneOf('auto', 'none', 'openai', 'open_clip', 'canonicalize', 'hf_slow', 'cn_clip'),
  longText: read.oneOf('error', 'truncate', 'pool'),
  normalize: read.boolean,
  logitScale: read.number(
    (value) => Number.isFinite(value) && value > 0,
    'a positive number (the factor, as 100)',
  ),
  logitBias: read.number((value) => Number.isFinite(value), 'a finite number'),
  onWarning: read.callback,
};

/** Parses {@link ModelOptions}; `cores` is how many cores this process may use. */
export function parseModelOptions(
  given: ModelOptions | undefined,
  cores: number = availableParallelism(),
): ResolvedModelOptions {
  return parseOptions<ResolvedModelOptions>(
    given,
    modelReaders,
    {
      device: 'auto',
      dtype: 'auto',
      batchSize: 'auto',
      workers: cores,
      threads: cores,
      decode: 'exact',
      autoOrient: false,
      maxPixels: DEFAULT_MAX_PIXELS,
      maxBytes: DEFAULT_MAX_BYTES,
      imageTimeoutMs: 0,
      icc: false,
      allowTruncated: false,
      textCleaning: 'auto',
      longText: 'truncate',
      normalize: true,
      logitScale: null,
      logitBias: null,
      onWarning: (message) => {
        process.emitWarning(message, 'DiptychWarning');
      },
    },
    'loadModel options',
  );
}
