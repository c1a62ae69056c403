import { DiptychError, toDiptychError, throwIfAborted, type ErrorCode } from '../errors.js';
import { errorCodes } from '../errors.js';

/** Rows of numbers, one after the other: what `embedImages` and `embedTexts` give. */
export interface Features {
  /** rows x dim numbers. */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

const bad = (input: string, message: string): DiptychError =>
  new DiptychError('BAD_INPUT', message, { input });

/** Whether a value is a Float32Array of any realm that can still be read. */
function isFloats(value: unknown): value is Float32Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Float32Array]';
}

/**
 * Checks what a caller passed as features: { data: Float32Array of rows x dim finite numbers, rows, dim }.
 * Throws BAD_INPUT, naming the argument and, for a number that is not finite, its row.
 */
export function checkFeatures(value: unknown, name: string, least = 1): Features {
  if (
    typeof value !== 'object' ||
    value === null ||
    !('data' in value) ||
    !('rows' in value) ||
    !('dim' in value)
  )
    throw bad(name, 'expected { data: Float32Array, rows, dim }, as embedImages gives');
  const { data, rows, dim } = value;
  if (!isFloats(data)) throw bad(name, 'expected data to be a Float32Array');
  if (typeof rows !== 'number' || !Number.isSafeInteger(rows) || rows < 0)
    throw bad(name, `expected rows to be a whole number, got ${String(rows)}`);
  if (typeof dim !== 'number' || !Number.isSafeInteger(dim) || dim < 1)
    throw bad(name, `expected dim to be a positive whole number, got ${String(dim)}`);
  if (data.length !== rows * dim)
    throw bad(name, `expected rows x dim = ${String(rows * dim)} numbers, got ${String(data.length)}`);
  if (rows < least) throw bad(name, `expected at least ${String(least)} rows, got ${String(rows)}`);
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]))
      throw bad(name, `row ${String(Math.floor(i / dim))} holds ${String(data[i])}; remove or mend it first`);
  }
  return { data, rows, dim };
}

/** Throws DIMENSION_MISMATCH unless both have the same number of columns. */
export function checkSameDim(a: Features, b: Features, names: readonly [string, string]): void {
  if (a.dim === b.dim) return;
  throw new DiptychError(
    'DIMENSION_MISMATCH',
    `${names[0]} have ${String(a.dim)} numbers a row, ${names[1]} ${String(b.dim)}`,
    { input: names[1] },
  );
}

/** Checks one class number per row. Throws BAD_INPUT naming the first that is out of range. */
export function checkLabels(
  value: unknown,
  rows: number,
  classes: number | null,
  name = 'labels',
): Int32Array {
  if (typeof value !== 'object' || value === null || !('length' in value))
    throw bad(name, 'expected an array of class numbers');
  const list = Array.from(value as ArrayLike<unknown>);
  if (list.length !== rows)
    throw new DiptychError('DIMENSION_MISMATCH', `${String(rows)} rows, but ${String(list.length)} labels`, {
      input: name,
    });
  const most = classes ?? 2 ** 31;
  return Int32Array.from(list, (label, row) => {
    if (typeof label === 'number' && Number.isSafeInteger(label) && label >= 0 && label < most) return label;
    const range = classes === null ? 'a whole number from 0' : `a class from 0 to ${String(most - 1)}`;
    throw bad(name, `row ${String(row)}: expected ${range}, got ${String(label)}`);
  });
}

/** The rows of `features` named by `indices`, copied. */
export function takeRows(features: Features, indices: ArrayLike<number>): Features {
  const { dim } = features;
  const data = new Float32Array(indices.length * dim);
  for (let row = 0; row < indices.length; row++) {
    const at = (indices[row] ?? 0) * dim;
    data.set(features.data.subarray(at, at + dim), row * dim);
  }
  return { data, rows: indices.length, dim };
}

/** A memory that the addon can pin: typed arrays over shared or partly used buffers are copied. */
export function pinnable(data: Float32Array): Float32Array {
  const { buffer } = data;
  const shared = Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]';
  return shared ? Float32Array.from(data) : data;
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}

const REPORT_MS = 200;

/**
 * Runs one call of the addon that can be stopped: `start` gets the flag to pass on. A failure becomes a
 * DiptychError with the addon's code. `onSteps`: how many steps the call has counted, now and then and at its end.
 */
export async function callNative<T>(
  signal: AbortSignal | null | undefined,
  start: (cancel: Int32Array) => Promise<T>,
  onSteps: ((done: number) => void) | null = null,
): Promise<T> {
  throwIfAborted(signal ?? undefined);
  const cancel = new Int32Array(onSteps === null ? 1 : 2);
  const report = (): void => onSteps?.(Atomics.load(cancel, 1));
  const timer = onSteps === null ? null : setInterval(report, REPORT_MS);
  const stop = (): void => {
    cancel[0] = 1;
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const result = await start(cancel);
    if (onSteps !== null) report();
    return result;
  } catch (error) {
    const code = error instanceof Error && 'code' in error && isCode(error.code) ? error.code : 'BAD_INPUT';
    throw toDiptychError(error, code);
  } finally {
    if (timer !== null) clearInterval(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** Reads an option that is a function. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the option's own type
export function readFunction<T extends (...values: never[]) => void>(value: unknown, name: string): T {
  if (typeof value === 'function') return value as T;
  throw new DiptychError('BAD_OPTION', `expected a function, got ${typeof value}`, { input: name });
}
