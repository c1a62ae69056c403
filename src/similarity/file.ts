import { constants } from 'node:buffer';
import { open } from 'node:fs/promises';
import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativeRowFile } from '../native/similarity-binding.js';
import { callNative, fromNative, type OnProgress } from './call.js';
import { checkKeys, checkProgress, resolveOptions } from './options.js';
import { checkedRows, checkSameDim, describe } from './rows.js';
import type { AnyRows } from './rows.js';
import { allocateHits, checkedK } from './topk.js';
import type { Hits, TopKOptions } from './topk.js';

export interface TopKFileOptions extends TopKOptions {
  /** Bytes read at a time; two such blocks are in memory. Default 64 MiB. */
  readonly blockBytes?: number;
  /** The rows searched so far, of all rows. */
  readonly onProgress?: OnProgress;
}

type RowFile = Omit<NativeRowFile, 'blockBytes'>;

/**
 * As `topK` over the rows of a .npy file (float32, float16, int8, or bfloat16 as ml_dtypes writes it; C order), which need not fit into memory: blocks
 * stream through, the next one being read while one is searched. The answer is the one that `topK` gives in memory,
 * whatever the size of the blocks.
 *
 * Rejects as `topK` does, and with INPUT_NOT_FOUND or INPUT_UNREADABLE.
 */
export async function topKFile(
  queries: AnyRows,
  path: string,
  k: number,
  options: TopKFileOptions = {},
): Promise<Hits> {
  checkKeys(options, ['metric', 'threads', 'signal', 'precision', 'blockBytes', 'onProgress']);
  const { blockBytes, onProgress, ...rest } = options;
  checkProgress(onProgress);
  const left = checkedRows(queries, 'queries');
  const wanted = checkedK(k);
  const resolved = resolveOptions(rest, 'exact');
  const block = checkedBlock(blockBytes);
  const file = await npyRows(path);
  checkSameDim(left, file, ['queries', path]);
  const most = Math.min(wanted, file.rows);
  const { indices, scores } = allocateHits(left.rows * most);
  if (indices.length > 0) {
    const counter = new Int32Array(1);
    await callNative(
      options.signal,
      (cancel) =>
        native().similarityTopKFile(
          left,
          { ...file, blockBytes: block },
          most,
          indices,
          scores,
          counter,
          resolved,
          cancel,
        ),
      { counter, most: file.rows, total: file.rows, onProgress },
    );
  }
  onProgress?.(file.rows, file.rows);
  return { indices, scores, rows: left.rows, k: most };
}

export interface MapOptions {
  /** The first row. Default 0. */
  readonly first?: number;
  /** How many. Default: all that follow. */
  readonly count?: number;
}

/**
 * The rows of a .npy file (float32, float16, int8, or bfloat16 as ml_dtypes writes it; C order), or some of them, mapped:
 * nothing is read until it is needed, and what was read may leave memory again. They go wherever rows go. Writing to them
 * changes memory, never the file. The file must not become shorter while they are in use. Rejects with INPUT_NOT_FOUND,
 * INPUT_UNREADABLE, or BAD_OPTION for rows that the file does not have.
 */
export async function mapRows(path: string, options: MapOptions = {}): Promise<AnyRows> {
  checkKeys(options, ['first', 'count']);
  const file = await npyRows(path);
  const first = rowNumber(options.first ?? 0, file.rows, 'first');
  const rows = rowNumber(options.count ?? file.rows - first, file.rows - first, 'count');
  const { type, dim } = file;
  const size = BYTES[type];
  const bytes = rows * dim * size;
  const offset = file.offset + first * dim * size;
  if (bytes > constants.MAX_LENGTH) {
    const message =
      'larger than an ArrayBuffer of this Node.js may be: map some of its rows at a time, or search it with topKFile';
    throw new DiptychError('INPUT_UNREADABLE', message, { input: path });
  }
  if (offset % size !== 0) {
    throw new DiptychError('INPUT_UNREADABLE', 'its elements are not aligned: save it again', {
      input: path,
    });
  }
  const buffer = bytes === 0 ? new ArrayBuffer(0) : mapped(path, offset, bytes);
  if (type === 'int8') return { data: new Int8Array(buffer), rows, dim, dtype: type };
  if (type === 'float32') return { data: new Float32Array(buffer), rows, dim, dtype: type };
  return { data: new Uint16Array(buffer), rows, dim, dtype: type };
}

function rowNumber(value: unknown, most: number, input: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new DiptychError(
    'BAD_OPTION',
    `expected a whole number from 0 to ${String(most)}, got ${describe(value)}`,
    { input },
  );
}

const BYTES = { float32: 4, float16: 2, bfloat16: 2, int8: 1 } as const;

function mapped(path: string, offset: number, bytes: number): ArrayBuffer {
  try {
    return native().mapFile(path, offset, bytes);
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** Where the rows of a .npy file are. Throws INPUT_NOT_FOUND or INPUT_UNREADABLE. */
export async function npyRows(path: string): Promise<RowFile> {
  const header = await readHeader(path);
  const invalid = (why: string) => new DiptychError('INPUT_UNREADABLE', why, { input: path });
  const magic = header.subarray(0, 6).toString('latin1');
  const major = header[6] ?? 0;
  if (header.length < 12 || magic !== '\x93NUMPY' || major < 1 || major > 3) throw invalid('not a .npy file');
  const start = major === 1 ? 10 : 12;
  const offset = start + (major === 1 ? header.readUInt16LE(8) : header.readUInt32LE(8));
  const text = header.subarray(start, offset).toString('latin1');
  const type = TYPES.get(/'descr':\s*'([^']+)'/.exec(text)?.[1] ?? '');
  if (type === undefined) throw invalid('expected float32, float16, bfloat16 or int8 values, little-endian');
  if (!/'fortran_order':\s*False/.test(text))
    throw invalid('expected C order: save numpy.ascontiguousarray(rows)');
  const shape = /'shape':\s*\((\d+),\s*(\d+)\)/.exec(text);
  const rows = Number(shape?.[1] ?? NaN);
  const dim = Number(shape?.[2] ?? NaN);
  if (!(rows >= 0 && rows < 2 ** 31 && dim >= 1 && dim < 2 ** 31))
    throw invalid('expected an array of shape (rows, dim)');
  return { path, offset, type, rows, dim };
}

const TYPES = new Map<string, RowFile['type']>([
  ['<f4', 'float32'],
  ['<f2', 'float16'],
  ['|i1', 'int8'],
  ['<V2', 'bfloat16'],
  ['|V2', 'bfloat16'],
]);

async function readHeader(path: string): Promise<Buffer> {
  if (typeof path !== 'string' || path.includes('\0')) {
    throw new DiptychError('BAD_OPTION', `expected the path of a .npy file, got ${describe(path)}`, {
      input: 'path',
    });
  }
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const missing = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT';
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DiptychError(missing ? 'INPUT_NOT_FOUND' : 'INPUT_UNREADABLE', why, { input: path, cause });
  }
}

function checkedBlock(bytes: unknown): number {
  if (bytes === undefined) return 64 * 1024 * 1024;
  if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 1 && bytes <= 2 ** 36) return bytes;
  throw new DiptychError('BAD_OPTION', `expected a number of bytes, got ${describe(bytes)}`, {
    input: 'blockBytes',
  });
}
