import { fileURLToPath } from 'node:url';

import { DiptychError, type ErrorCode, errorCodes, throwIfAborted, toDiptychError } from '../errors.js';
import type { NativeImageReport, NativePixelType, RawImage } from '../native/image-binding.js';
import { native } from '../native/load.js';
import {
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_PIXELS,
  MAX_TIMEOUT_MS,
  parseOptions,
  read,
  type Reader,
} from '../options.js';
import { type PreprocessSpec, resolveSpec, toNativeSpec } from './spec.js';

export { resolveSpec, toNativeSpec } from './spec.js';
export type { RawImage } from '../native/image-binding.js';

/** A path, a file: URL, the bytes of an image file, or raw RGB pixels. */
export type PreprocessItem = string | URL | Uint8Array | RawImage;

export interface PreprocessOptions {
  /** How pictures become tensors; missing keys take CLIP's values. */
  readonly spec?: Partial<PreprocessSpec>;
  /** Decode threads. Default: the cores this process may use. */
  readonly workers?: number;
  /** exact: Pillow's pixels; fast: JPEGs are decoded at 1/2, 1/4 or 1/8 where that leaves twice the target. Default `exact`. */
  readonly decode?: 'exact' | 'fast';
  /** float32 [n, 3, h, w] normalised, the same in float16 or bfloat16 (bits in a Uint16Array), or uint8 [n, h, w, 3]. */
  readonly output?: NativePixelType;
  /** Most pixels a picture may declare. Default 178,956,970, as Pillow. */
  readonly maxPixels?: number;
  /** Most bytes a file may have. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Milliseconds that reading and decoding one picture may take (IMAGE_TIMEOUT). Default 0: no limit. */
  readonly imageTimeoutMs?: number;
  /** Keep what is there of a truncated picture, with a notice, instead of an error. Default false. */
  readonly allowTruncated?: boolean;
  /**
   * Where to write: an array of the output's type (Float32Array, Uint16Array, Uint8Array) with room for all items.
   * Loops that pass the same array again spare the zeroing and the page faults of a fresh one; `data` is then a
   * view of its beginning. It must not be read or changed while this runs.
   */
  readonly out?: Pixels;
  readonly signal?: AbortSignal;
}

/** Pictures as tensors: float32, float16 (bits), or uint8. */
type Pixels = Float32Array | Uint16Array | Uint8Array;

export interface PreprocessFailure {
  /** Position in the items. */
  readonly index: number;
  /** The path, or a short name for bytes. */
  readonly input: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Preprocessed<T = Float32Array> {
  /** Picture after picture, without those that failed. */
  readonly data: T;
  readonly shape: readonly number[];
  /** Row of `data` -> position in the items. */
  readonly indices: readonly number[];
  readonly failures: readonly PreprocessFailure[];
  /** Pictures that were read although their file is damaged. */
  readonly notices: readonly { readonly index: number; readonly input: string; readonly message: string }[];
}

interface Resolved {
  readonly spec: PreprocessSpec;
  readonly workers: number;
  readonly decode: 'exact' | 'fast';
  readonly output: NativePixelType;
  readonly maxPixels: number;
  readonly maxBytes: number;
  readonly imageTimeoutMs: number;
  readonly allowTruncated: boolean;
  readonly out: Pixels | null;
  readonly signal: AbortSignal | null;
}

const nullable =
  <T>(reader: Reader<T>): Reader<T | null> =>
  (value, name) =>
    value === null ? null : reader(value, name);

const pixels: Reader<Pixels> = (value, name) => {
  if (value instanceof Float32Array || value instanceof Uint16Array || value instanceof Uint8Array)
    return value;
  throw new DiptychError('BAD_OPTION', 'must be a Float32Array, a Uint16Array or a Uint8Array', {
    input: name,
  });
};

const resolveOptions = (options: unknown): Resolved =>
  parseOptions<Resolved>(
    options,
    {
      spec: resolveSpec,
      workers: read.integer(1, 1024),
      decode: read.oneOf('exact', 'fast'),
      output: read.oneOf('float32', 'float16', 'bfloat16', 'uint8'),
      maxPixels: read.integer(1),
      maxBytes: read.integer(1),
      imageTimeoutMs: read.integer(0, MAX_TIMEOUT_MS),
      allowTruncated: read.boolean,
      out: nullable(pixels),
      signal: nullable(read.signal),
    },
    {
      spec: resolveSpec(),
      workers: native().availableCores(),
      decode: 'exact',
      output: 'float32',
      maxPixels: DEFAULT_MAX_PIXELS,
      maxBytes: DEFAULT_MAX_BYTES,
      imageTimeoutMs: 0,
      allowTruncated: false,
      out: null,
      signal: null,
    },
    'preprocess options',
  );

const isRaw = (item: object): item is RawImage => 'data' in item && 'width' in item && 'height' in item;

function toNativeItem(item: unknown, index: number): string | Uint8Array | RawImage {
  const input = `items[${String(index)}]`;
  if (typeof item === 'string') return item;
  if (ArrayBuffer.isView(item) && item instanceof Uint8Array) return item;
  if (item instanceof URL) {
    if (item.protocol === 'file:') return fileURLToPath(item);
    throw new DiptychError('BAD_INPUT', `only file: URLs are read here, got ${item.protocol}`, { input });
  }
  if (typeof item === 'object' && item !== null && isRaw(item)) return item;
  throw new DiptychError(
    'BAD_INPUT',
    'expected a path, a Uint8Array (or Buffer), or { data, width, height }',
    {
      input,
    },
  );
}

const nameOf = (item: string | Uint8Array | RawImage, index: number): string => {
  if (typeof item === 'string') return item;
  const bytes = 'width' in item ? item.data.byteLength : item.byteLength;
  return `image ${String(index)} (${String(bytes)} bytes)`;
};

const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

const allocate = (output: Resolved['output'], length: number): Pixels => {
  try {
    if (output === 'float32') return new Float32Array(length);
    return output === 'uint8' ? new Uint8Array(length) : new Uint16Array(length);
  } catch (cause) {
    throw new DiptychError(
      'OUT_OF_MEMORY',
      `a batch of ${String(length)} values does not fit: pass fewer items`,
      {
        cause,
      },
    );
  }
};

const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  uint8: Uint8Array,
} as const;

/** The caller's array, or a fresh one. */
function target({ out, output }: Resolved, length: number): Pixels {
  if (out === null) return allocate(output, length);
  if (!(out instanceof ARRAYS[output])) {
    const wanted = ARRAYS[output].name;
    throw new DiptychError(
      'BAD_OPTION',
      `must be a ${wanted} for output '${output}', not a ${out.constructor.name}`,
      {
        input: 'out',
      },
    );
  }
  if (out.length < length) {
    throw new DiptychError(
      'BAD_OPTION',
      `has room for ${String(out.length)} values, but the items need ${String(length)}`,
      { input: 'out' },
    );
  }
  return out.subarray(0, length);
}

/** Runs the addon, turning an abort of the signal into its cancel flag. */
async function run(
  items: readonly (string | Uint8Array | RawImage)[],
  options: Resolved,
  out: Pixels,
): Promise<NativeImageReport[]> {
  const { signal, workers, decode, output, maxPixels, maxBytes, imageTimeoutMs, allowTruncated } = options;
  throwIfAborted(signal ?? undefined);
  const cancel = new Int32Array(1);
  const onAbort = (): void => {
    Atomics.store(cancel, 0, 1);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const nativeOptions = { workers, decode, output, maxPixels, maxBytes, imageTimeoutMs, allowTruncated };
    return await native().preprocess(items, toNativeSpec(options.spec), nativeOptions, out, cancel);
  } catch (error) {
    throwIfAborted(signal ?? undefined);
    const code =
      error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
    throw toDiptychError(error, isCode(code) ? code : 'BAD_INPUT');
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * Decodes, resizes, crops and normalises pictures, with pixels equal to Pillow's bit for bit.
 * A picture that cannot be read costs only itself: it is listed in `failures`.
 *
 * @param items paths, file: URLs, bytes of files, or raw RGB pixels; not to be changed while this runs
 * @returns `data` of shape [n, 3, height, width] (or [n, height, width, 3] for `output: 'uint8'`), where n counts
 * the pictures that could be read
 * @throws DiptychError BAD_OPTION, BAD_INPUT (an item of the wrong type), ABORTED, OUT_OF_MEMORY
 */
export async function preprocess(
  items: readonly PreprocessItem[],
  options: PreprocessOptions & { readonly output: 'uint8' },
): Promise<Preprocessed<Uint8Array>>;
export async function preprocess(
  items: readonly PreprocessItem[],
  options: PreprocessOptions & { readonly output: 'float16' | 'bfloat16' },
): Promise<Preprocessed<Uint16Array>>;
export async function preprocess(
  items: readonly PreprocessItem[],
  options?: PreprocessOptions & { readonly output?: 'float32' },
): Promise<Preprocessed>;
export async function preprocess(
  items: readonly PreprocessItem[],
  options?: PreprocessOptions,
): Promise<Preprocessed<Pixels>>;
export async function preprocess(
  items: readonly PreprocessItem[],
  options?: PreprocessOptions,
): Promise<Preprocessed<Pixels>> {
  if (!Array.isArray(items)) {
    throw new DiptychError('BAD_INPUT', 'expected an array of pictures', { input: 'items' });
  }
  const resolved = resolveOptions(options);
  const sources = items.map(toNativeItem);
  const { height, width } = toNativeSpec(resolved.spec);
  const slot = 3 * height * width;
  const out = target(resolved, slot * sources.length);
  const reports = await run(sources, resolved, out);

  const indices: number[] = [];
  const failures: PreprocessFailure[] = [];
  const notices: { index: number; input: string; message: string }[] = [];
  sources.forEach((source, index) => {
    const report = reports[index];
    const input = nameOf(source, index);
    if (report?.ok === true) {
      const row = indices.push(index) - 1;
      if (row !== index) out.copyWithin(row * slot, index * slot, (index + 1) * slot);
      if (report.warning !== undefined) notices.push({ index, input, message: report.warning });
    } else {
      const code = report !== undefined && isCode(report.code) ? report.code : 'IMAGE_CORRUPT';
      failures.push({ index, input, code, message: report?.message ?? 'the decoder gave no answer' });
    }
  });
  const used = indices.length * slot;
  const cut = resolved.out === null ? out.slice.bind(out) : out.subarray.bind(out);
  const data = used === out.length ? out : cut(0, used);
  const shape = resolved.output === 'uint8' ? [height, width, 3] : [3, height, width];
  return { data, shape: [indices.length, ...shape], indices, failures, notices };
}
