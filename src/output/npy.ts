import { open, type FileHandle } from 'node:fs/promises';
import { DiptychError } from '../errors.js';
import { halvesToFloats } from '../session/half.js';

/** NumPy's own names of the element types that Diptych writes. */
export type NpyType = '<f4' | '<f2' | '<u2' | '|u1' | '<i4' | '<i8';

/** The fields of a record, in order, without gaps. */
export type NpyFields = Readonly<Record<string, NpyType>>;

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const BYTES: Readonly<Record<string, number>> = {
  f2: 2,
  f4: 4,
  f8: 8,
  u1: 1,
  i1: 1,
  u2: 2,
  i2: 2,
  u4: 4,
  i4: 4,
  i8: 8,
  u8: 8,
};
/** Headers beyond this are not from NumPy: a guard against reading gigabytes of a file that lies. */
const MAX_HEADER = 1 << 20;

/**
 * A format 1.0 header as numpy.save writes it: padded with spaces to a multiple of 64 bytes. NumPy leaves room for
 * the first axis to grow to 21 digits; so do we, which keeps the length the same for any number of rows.
 */
export function npyHeader(type: NpyType | NpyFields, shape: readonly number[]): Uint8Array {
  const descr =
    typeof type === 'string'
      ? `'${type}'`
      : `[${Object.entries(type)
          .map(([name, of]) => `('${name}', '${of}')`)
          .join(', ')}]`;
  const axes = shape.map(String).join(', ');
  const tuple = shape.length === 1 ? `(${axes},)` : `(${axes})`;
  const growth = ' '.repeat(Math.max(0, 21 - String(shape[0] ?? '').length));
  const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${tuple}, }${growth}`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.set(MAGIC);
  header[6] = 1;
  header[7] = 0;
  header.writeUInt16LE(length - 10, 8);
  header.write(text, 10, 'latin1');
  header[length - 1] = 0x0a;
  return header;
}

/** What the header of a .npy file says. */
export interface NpyHeader {
  /** As NumPy writes it, such as "<f4". */
  readonly type: string;
  readonly shape: readonly number[];
  /** Byte at which the elements begin. */
  readonly offset: number;
}

const invalid = (file: string, why: string): DiptychError =>
  new DiptychError('OUTPUT_INVALID', `${why}; expected a .npy file as numpy.save writes it`, { input: file });

async function readAt(handle: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

async function readHeader(handle: FileHandle, file: string): Promise<NpyHeader> {
  const start = await readAt(handle, 12, 0);
  if (start.length < 12 || !MAGIC.every((byte, at) => start[at] === byte)) {
    throw invalid(file, 'not a .npy file');
  }
  const major = start[6] ?? 0;
  if (major < 1 || major > 3) throw invalid(file, `.npy format version ${String(major)} is unknown`);
  const at = major === 1 ? 10 : 12;
  const length = major === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (length > MAX_HEADER) throw invalid(file, `its header claims ${String(length)} bytes`);
  const text = (await readAt(handle, length, at)).toString('latin1');
  const type = /'descr'\s*:\s*'([^']+)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (type === undefined || order === undefined || shape === undefined) {
    throw invalid(file, 'its header is not that of a plain array');
  }
  if (order === 'True') throw invalid(file, 'it is in Fortran order (numpy.ascontiguousarray mends that)');
  const axes = shape.split(',').flatMap((axis) => {
    const digits = axis.replace(/[\sL]/g, '');
    return digits === '' ? [] : [Number(digits)];
  });
  return { type, shape: axes, offset: at + length };
}

/** Reads the header only. Throws OUTPUT_INVALID, or INPUT_NOT_FOUND. */
export async function readNpyHeader(file: string): Promise<NpyHeader> {
  const handle = await openFile(file);
  try {
    return await readHeader(handle, file);
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (cause) {
    throw new DiptychError('INPUT_NOT_FOUND', 'cannot be opened; is the path right?', { cause, input: file });
  }
}

/** An array as floats, whatever floating point type it has on disk. */
export interface FloatArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Little-endian elements to float32; null for a type that is no number. */
function toFloats(type: string, bytes: ArrayBuffer): Float32Array | null {
  switch (type) {
    case '<f4':
      return new Float32Array(bytes);
    case '<f2':
      return halvesToFloats(new Uint16Array(bytes));
    case '<f8':
      return Float32Array.from(new Float64Array(bytes));
    case '|u1':
      return Float32Array.from(new Uint8Array(bytes));
    case '|i1':
      return Float32Array.from(new Int8Array(bytes));
    case '<i4':
      return Float32Array.from(new Int32Array(bytes));
    case '<i8':
      return Float32Array.from(new BigInt64Array(bytes), Number);
    default:
      return null;
  }
}

/** Reads rows [first, first + count) of the first axis, or all. Throws OUTPUT_INVALID on a short file. */
export async function readNpy(file: string, first = 0, count?: number): Promise<FloatArray> {
  const handle = await openFile(file);
  try {
    const { type, shape, offset } = await readHeader(handle, file);
    const width = BYTES[type.slice(1)];
    if (width === undefined || type.startsWith('>')) throw invalid(file, `elements of type ${type}`);
    const rows = Math.max(0, Math.min(count ?? Infinity, (shape[0] ?? 1) - first));
    const stride = shape.slice(1).reduce((product, axis) => product * axis, 1);
    const wanted = rows * stride * width;
    if (!Number.isSafeInteger(wanted)) throw invalid(file, `its shape (${shape.join(', ')}) is absurd`);
    const { size } = await handle.stat();
    if (wanted > 0 && offset + first * stride * width + wanted > size) {
      throw invalid(file, `it ends early: ${String(size)} bytes for shape (${shape.join(', ')})`);
    }
    const bytes = await readAt(handle, wanted, offset + first * stride * width);
    const aligned = new ArrayBuffer(wanted);
    new Uint8Array(aligned).set(bytes);
    const data = toFloats(type, aligned);
    if (data === null) throw invalid(file, `elements of type ${type}`);
    return { data, shape: shape.length === 0 ? [] : [rows, ...shape.slice(1)] };
  } finally {
    await handle.close();
  }
}
