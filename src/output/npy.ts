import { open, type FileHandle } from 'node:fs/promises';
import { DiptychError } from '../errors.js';
import { halvesToFloats } from '../session/half.js';

/** NumPy's own names of the element types that Diptych writes. */
export type NpyType = '<f4' | '<f2' | '<u2' | '|u1' | '<i4' | '<i8';

/** The fields of a record, in order, without gaps. */
export type NpyFields = Readonly<Record<string, NpyType>>;

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const BYTES: Readonly<Record<string, number>> = {
  // bfloat16, as ml_dtypes writes it.
  V2: 2,
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
/** What one read may ask for: operating systems take no more than 2 GiB. */
const MOST_BYTES = 1 << 30;
/** Bytes that are converted at a time: two such blocks are in memory beside the result. */
const CONVERTED_BYTES = 1 << 24;
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

/** Fills `to` from `position` on; fewer bytes where the file ends. */
async function readInto(handle: FileHandle, to: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < to.length) {
    const length = Math.min(to.length - done, MOST_BYTES);
    const { bytesRead } = await handle.read(to, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

async function readAt(handle: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, await readInto(handle, buffer, position));
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

/** Reads the header only. Throws OUTPUT_INVALID, also where the file is shorter than it says, or INPUT_NOT_FOUND. */
export async function readNpyHeader(file: string): Promise<NpyHeader> {
  const handle = await openFile(file);
  try {
    const header = await readHeader(handle, file);
    await locate(handle, file, header, 0, (header.shape[0] ?? 1) * strideOf(header.shape));
    return header;
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
    case '<V2':
    case '|V2':
      return new Float32Array(Uint32Array.from(new Uint16Array(bytes), (half) => half << 16).buffer);
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

/** Where elements are read to: of their own type, or converted to float32. */
export type NpyElements = Float32Array | Uint16Array | Int8Array;

/** Whether elements of a file's type lie in such an array as they lie in the file. */
function isOwnType(type: string, to: NpyElements): boolean {
  if (to instanceof Float32Array) return type === '<f4';
  return to instanceof Int8Array ? type === '|i1' : /^(<f2|[<|]V2)$/.test(type);
}

const endsEarly = (file: string, size: number, shape: readonly number[]): DiptychError =>
  invalid(file, `it ends early: ${String(size)} bytes for shape (${shape.join(', ')})`);

/** The byte at which row `first` begins. Throws OUTPUT_INVALID unless `elements` follow. */
async function locate(
  handle: FileHandle,
  file: string,
  { type, shape, offset }: NpyHeader,
  first: number,
  elements: number,
): Promise<number> {
  const width = widthOf(file, type);
  const wanted = elements * width;
  if (!Number.isSafeInteger(wanted)) throw invalid(file, `its shape (${shape.join(', ')}) is absurd`);
  const start = offset + first * strideOf(shape) * width;
  const { size } = await handle.stat();
  if (wanted > 0 && start + wanted > size) throw endsEarly(file, size, shape);
  return start;
}

async function fill(
  handle: FileHandle,
  file: string,
  header: NpyHeader,
  first: number,
  to: NpyElements,
): Promise<void> {
  const { type, shape } = header;
  const start = await locate(handle, file, header, first, to.length);
  const read = async (bytes: Uint8Array, position: number): Promise<void> => {
    const got = await readInto(handle, bytes, position);
    if (got < bytes.length) throw endsEarly(file, position + got, shape);
  };
  if (isOwnType(type, to)) {
    await read(new Uint8Array(to.buffer, to.byteOffset, to.byteLength), start);
    return;
  }
  const width = widthOf(file, type);
  const step = CONVERTED_BYTES / width;
  for (let at = 0; at < to.length; at += step) {
    const bytes = new ArrayBuffer(Math.min(step, to.length - at) * width);
    await read(new Uint8Array(bytes), start + at * width);
    const floats = toFloats(type, bytes);
    if (floats === null || !(to instanceof Float32Array)) throw invalid(file, `elements of type ${type}`);
    to.set(floats, at);
  }
}

function widthOf(file: string, type: string): number {
  const width = BYTES[type.slice(1)];
  if (width === undefined || type.startsWith('>')) throw invalid(file, `elements of type ${type}`);
  return width;
}

const strideOf = (shape: readonly number[]): number =>
  shape.slice(1).reduce((product, axis) => product * axis, 1);

/** Room for `length` elements of an array. Throws OUT_OF_MEMORY. */
export function allocate<T extends NpyElements>(
  make: new (length: number) => T,
  length: number,
  file: string,
): T {
  try {
    return new make(length);
  } catch (cause) {
    throw new DiptychError('OUT_OF_MEMORY', `${String(length)} numbers do not fit into memory`, {
      cause,
      input: file,
    });
  }
}

/**
 * Reads rows of the first axis, from `first` on, as many as `to` holds: elements of `to`'s own type as they are,
 * others as float32. Throws OUTPUT_INVALID on a short file, and where `to` does not fit the elements.
 */
export async function readNpyRows(file: string, first: number, to: NpyElements): Promise<void> {
  const handle = await openFile(file);
  try {
    await fill(handle, file, await readHeader(handle, file), first, to);
  } finally {
    await handle.close();
  }
}

/** Reads rows [first, first + count) of the first axis, or all. Throws OUTPUT_INVALID on a short file. */
export async function readNpy(file: string, first = 0, count?: number): Promise<FloatArray> {
  const handle = await openFile(file);
  try {
    const header = await readHeader(handle, file);
    const { shape } = header;
    const rows = Math.max(0, Math.min(count ?? Infinity, (shape[0] ?? 1) - first));
    const elements = rows * strideOf(shape);
    await locate(handle, file, header, first, elements);
    const data = allocate(Float32Array, elements, file);
    await fill(handle, file, header, first, data);
    return { data, shape: shape.length === 0 ? [] : [rows, ...shape.slice(1)] };
  } finally {
    await handle.close();
  }
}
