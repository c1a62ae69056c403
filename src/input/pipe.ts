import { closeSync, constants, openSync, readSync, type Stats } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { DiptychError, systemCode, throwIfAborted, toDiptychError } from '../errors.js';
import { broken, MOST_IMAGE_BYTES, type InputItem, type InputKind } from './item.js';
import { lineItems } from './lines.js';
import { isImageName, notRegular, sniff, SNIFF_BYTES } from './sniff.js';

/** How long a pipe may have no writer: shells start the two ends in any order. */
const WRITER_MS = 5000;
const LOOK_EVERY_MS = 50;
const NEWLINE = 10;

/** Files that are read where they are, not as they come. */
const TABLES = new Set(['csv', 'tsv', 'jsonl', 'ndjson', 'parquet']);

export const isStandardInput = (file: string): boolean =>
  /^\/(dev\/stdin|dev\/fd\/0|proc\/self\/fd\/0)$/.test(file);

/** A stream that begins with what was read of it already. */
async function* rejoin(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield first;
    for (;;) {
      const next = await rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

/**
 * A pipe by its name, or by the number that a shell's `<(command)` gives it (/dev/fd/63). Throws INPUT_UNREADABLE where
 * it is a socket or device, or nobody writes to it.
 */
async function openPipe(file: string, found: Stats, signal: AbortSignal | undefined): Promise<Readable> {
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(file)?.[1];
  if (number !== undefined && (found.isFIFO() || found.isSocket()))
    return new Socket({ fd: Number(number), readable: true, writable: false });
  if (!found.isFIFO()) throw notRegular(file);
  // Opened without waiting, it is at its end for as long as it has no writer.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const first = Buffer.alloc(SNIFF_BYTES);
    for (const began = performance.now(); performance.now() - began < WRITER_MS;) {
      throwIfAborted(signal);
      const length = readUnlessWaiting(descriptor, first);
      if (length !== 0) {
        const socket = new Socket({ fd: descriptor, readable: true, writable: false });
        if (length > 0) socket.unshift(first.subarray(0, length));
        return socket;
      }
      await setTimeout(LOOK_EVERY_MS);
    }
    throw new DiptychError('INPUT_UNREADABLE', 'is a pipe that nobody writes to', { input: file });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Bytes that are there; -1 where a writer has none ready, 0 where there is no writer. */
function readUnlessWaiting(descriptor: number, into: Buffer): number {
  try {
    return readSync(descriptor, into);
  } catch (error) {
    if (systemCode(error) === 'EAGAIN') return -1;
    throw error;
  }
}

/** What comes through a pipe that an input names: as on standard input. */
export async function* pipeItems(
  file: string,
  found: Stats,
  kind: InputKind,
  signal: AbortSignal | undefined,
): AsyncGenerator<InputItem, void, undefined> {
  try {
    // Only an end that it was opened for by a shell has no name of its own.
    const ending = path.extname(file).slice(1).toLowerCase();
    if (isImageName(file) || TABLES.has(ending)) throw notRegular(file);
    const stream = await openPipe(file, found, signal);
    yield* streamItems(file, stream, kind, signal);
  } catch (error) {
    throwIfAborted(signal);
    yield broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file));
  }
}

/** As many of the first bytes as tell what it is; a line is enough, since the next may be long in coming. */
async function beginning(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < SNIFF_BYTES) {
    const type = sniff(bytes);
    const isOpen = type === 'empty' || type === 'binary' || (type === 'text' && !bytes.includes(NEWLINE));
    const next = isOpen ? await chunks.next() : null;
    if (next === null || next.done === true) break;
    bytes = Buffer.concat([bytes, next.value]);
  }
  return bytes;
}

/** What comes as a stream: a tar or an image by its bytes, else lines. Once `signal` is aborted it is not waited for. */
export async function* streamItems(
  name: string,
  source: Readable,
  kind: InputKind,
  signal: AbortSignal | undefined,
): AsyncGenerator<InputItem, void, undefined> {
  const onAbort = (): void => {
    // It would keep the process alive for as long as the other end is open.
    source.destroy();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const chunks: AsyncIterable<Buffer> = source;
    const iterator = chunks[Symbol.asyncIterator]();
    const first = await beginning(iterator);
    if (first.length === 0) return;
    const start = first.subarray(0, SNIFF_BYTES);
    const stream = Readable.from(rejoin(first, iterator), { objectMode: false });
    const type = sniff(start);
    if (type === 'tar' || type === 'gzip' || type === 'zstd') {
      const { tarItems } = await import('./tar.js');
      yield* tarItems(name, stream, start, kind);
    } else if (type === 'image' && kind !== 'text') {
      yield await imageOf(name, stream);
    } else if (type === 'parquet' || type === 'npy' || start.includes(0)) {
      const message = 'holds neither lines, a tar nor an image; tables are read from files';
      yield broken(name, new DiptychError('INPUT_UNREADABLE', message, { input: name }));
    } else {
      yield* lineItems(name, stream, kind, null);
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    source.destroy();
  }
}

async function imageOf(name: string, stream: Readable): Promise<InputItem> {
  const chunks: Buffer[] = [];
  let length = 0;
  const bytes: AsyncIterable<Buffer> = stream;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_IMAGE_BYTES) {
      const message = `has more than ${String(MOST_IMAGE_BYTES)} bytes`;
      return broken(name, new DiptychError('IMAGE_TOO_LARGE', message, { input: name }));
    }
  }
  return { name, cells: { image_path: name }, shape: 'image', image: Buffer.concat(chunks) };
}
