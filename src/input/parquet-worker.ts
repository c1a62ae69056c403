/**
 * A .parquet file read in a thread of its own: unpacking a row group holds a thread for tenths of a second, and every
 * row group is unpacked once, however few of its rows are asked for at a time.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { RowGroup } from 'hyparquet';
import { toDiptychError } from '../errors.js';
import { bytesColumns } from './parquet-protocol.js';
import type { ParquetReply, ParquetRow } from './parquet-protocol.js';

/** A row group of up to so many bytes is unpacked at once; of larger ones so much at a time, where its pages are indexed. */
const AT_ONCE = 128 * 2 ** 20;
/** What is handed over at a time: these many bytes, or rows. */
const SLICE_BYTES = 8 * 2 ** 20;
const SLICE_ROWS = 4096;

/** Rows to unpack at a time. Without an index of its pages a group would be read from its start each time. */
function rowsAtOnce({ num_rows: count, total_byte_size: bytes, columns }: RowGroup): number {
  const [rows, size] = [Number(count), Number(bytes)];
  const isIndexed = columns.every(({ offset_index_offset: offset }) => offset !== undefined);
  return size <= AT_ONCE || !isIndexed ? rows : Math.max(1, Math.floor((rows * AT_ONCE) / size));
}

async function* unpacked(file: string): AsyncGenerator<ParquetRow[] | ParquetReply, void, undefined> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  const { children } = parquetSchema(metadata);
  const names = children.map(({ element }) => element.name);
  yield { type: 'schema', names, bytesColumns: bytesColumns(children) };
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const step = rowsAtOnce(group);
    for (let rowStart = start; rowStart < end; rowStart += step) {
      const rowEnd = Math.min(end, rowStart + step);
      // Bytes of images come as bytes; only text columns are text.
      const wanted = {
        file: buffer,
        metadata,
        rowStart,
        rowEnd,
        utf8: false,
        compressors,
        useOffsetIndex: true,
      };
      yield await parquetReadObjects(wanted);
    }
    start = end;
  }
}

/** A value with bytes of its own, which can change hands: those of a page share its memory. */
function detached(value: unknown, moved: ArrayBuffer[]): unknown {
  if (value instanceof Uint8Array) {
    const own = value.slice();
    moved.push(own.buffer);
    return own;
  }
  if (Array.isArray(value)) return value.map((item) => detached(item, moved));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, detached(item, moved)]));
}

const bytesOf = (moved: readonly ArrayBuffer[]): number =>
  moved.reduce((sum, { byteLength }) => sum + byteLength, 0);

async function* replies(file: string): AsyncGenerator<[ParquetReply, ArrayBuffer[]], void, undefined> {
  for await (const found of unpacked(file)) {
    if (!Array.isArray(found)) {
      yield [found, []];
      continue;
    }
    let rows: unknown[] = [];
    let moved: ArrayBuffer[] = [];
    let bytes = 0;
    for (const row of found) {
      const before = moved.length;
      rows.push(detached(row, moved));
      bytes += bytesOf(moved.slice(before));
      if (bytes < SLICE_BYTES && rows.length < SLICE_ROWS) continue;
      yield [{ type: 'rows', rows }, moved];
      [rows, moved, bytes] = [[], [], 0];
    }
    if (rows.length > 0) yield [{ type: 'rows', rows }, moved];
  }
  yield [{ type: 'end' }, []];
}

function serve(port: MessagePort, file: string): void {
  const source = replies(file);
  const answer = async (): Promise<void> => {
    try {
      const { value } = await source.next();
      if (value !== undefined) port.postMessage(value[0], value[1]);
    } catch (thrown) {
      const { code, message, input } = toDiptychError(thrown, 'INPUT_UNREADABLE', file);
      port.postMessage({ type: 'failed', code, message, input } satisfies ParquetReply);
    }
  };
  let chain = Promise.resolve();
  port.on('message', () => {
    chain = chain.then(answer);
  });
}

if (parentPort !== null) serve(parentPort, workerData as string);
