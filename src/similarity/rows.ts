import { types } from 'node:util';
import { DiptychError } from '../errors.js';
import type { NativeRows } from '../native/similarity-binding.js';

/** Embeddings as the engine gives them: row-major, `data.length === rows * dim`. */
export interface Rows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/**
 * Rows in any element type that similarity takes. A Uint16Array holds float16 values unless `dtype` says
 * `bfloat16`; an Int8Array holds the numbers -128 to 127 themselves (a common scale does not change cosines).
 */
export interface AnyRows {
  readonly data: Float32Array | Uint16Array | Int8Array;
  readonly rows: number;
  readonly dim: number;
  readonly dtype?: 'float32' | 'float16' | 'bfloat16' | 'int8';
}

/** Row-major scores: element (i, j) is `data[i * columns + j]`. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

const MOST_ROWS = 2 ** 31 - 1;

/** Throws BAD_INPUT unless `rows` is a matrix as described above; `name` is what the message calls it. */
export function checkedRows(rows: AnyRows, name: string): NativeRows {
  const given: unknown = rows;
  if (typeof given !== 'object' || given === null) {
    throw new DiptychError('BAD_INPUT', `expected { data, rows, dim }, got ${describe(given)}`, {
      input: name,
    });
  }
  const type = elementType(rows, name);
  const count = wholeNumber(rows.rows, 0, `${name}.rows`);
  const dim = wholeNumber(rows.dim, 1, `${name}.dim`);
  if (types.isSharedArrayBuffer(rows.data.buffer)) {
    throw new DiptychError('BAD_INPUT', 'expected memory that is not shared; pass data.slice()', {
      input: name,
    });
  }
  if (rows.data.length !== count * dim) {
    throw new DiptychError(
      'BAD_INPUT',
      `expected rows * dim = ${String(count)} * ${String(dim)} = ${String(count * dim)} elements in data, got ${String(rows.data.length)}` +
        (rows.data.length === 0 ? ' (has its buffer been transferred?)' : ''),
      { input: name },
    );
  }
  return { data: rows.data, type, rows: count, dim };
}

/** Throws DIMENSION_MISMATCH unless both have rows of the same length. */
export function checkSameDim(a: { dim: number }, b: { dim: number }, names: readonly [string, string]): void {
  if (a.dim === b.dim) return;
  throw new DiptychError(
    'DIMENSION_MISMATCH',
    `${names[0]} has rows of ${String(a.dim)} values and ${names[1]} of ${String(b.dim)}: embeddings of the same model are needed`,
    { input: names[1] },
  );
}

function elementType(rows: AnyRows, name: string): NativeRows['type'] {
  const { data, dtype } = rows;
  const natural = types.isFloat32Array(data)
    ? 'float32'
    : types.isInt8Array(data)
      ? 'int8'
      : types.isUint16Array(data)
        ? 'float16'
        : undefined;
  if (natural === undefined) {
    throw new DiptychError(
      'BAD_INPUT',
      `expected data to be a Float32Array, Uint16Array or Int8Array, got ${describe(data)}`,
      { input: name },
    );
  }
  if (dtype === undefined || dtype === natural) return natural;
  if (natural === 'float16' && dtype === 'bfloat16') return dtype;
  throw new DiptychError('BAD_INPUT', `dtype ${describe(dtype)} does not fit data of type ${natural}`, {
    input: name,
  });
}

function wholeNumber(value: unknown, least: number, input: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= MOST_ROWS)
    return value;
  throw new DiptychError(
    'BAD_INPUT',
    `expected a whole number from ${String(least)} to ${String(MOST_ROWS)}, got ${describe(value)}`,
    {
      input,
    },
  );
}

/** A short name for a wrong value, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'object') return Object.prototype.toString.call(value).slice(8, -1);
  if (typeof value === 'function') return 'a function';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
}
