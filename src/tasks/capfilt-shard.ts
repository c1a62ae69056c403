import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { DiptychError, throwIfAborted, type ErrorCode } from '../errors.js';
import { AtomicFile, publishAll } from '../output/atomic.js';
import { readRecords, type CapFiltRecord, type WebPair } from './capfilt.js';

export interface Bootstrapped {
  /** The webdataset tar: for each image with a caption left its file, its captions a line each, and the judgements. */
  readonly shard: string;
  readonly failures: readonly {
    readonly input: string;
    readonly code: ErrorCode;
    readonly message: string;
  }[];
}

const KINDS: readonly (readonly [string, readonly number[]])[] = [
  ['jpg', [0xff, 0xd8]],
  ['png', [0x89, 0x50]],
  ['gif', [0x47, 0x49]],
  ['webp', [0x52, 0x49]],
  ['bmp', [0x42, 0x4d]],
  ['tif', [0x49, 0x49]],
  ['tif', [0x4d, 0x4d]],
];

/** An ending by the first bytes, as webdataset wants one. */
function endingOf(bytes: Uint8Array): string {
  return KINDS.find(([, first]) => first.every((byte, at) => bytes[at] === byte))?.[0] ?? 'img';
}

/**
 * Writes what {@link capFilt} kept: DIR/shard.tar and DIR/failures.jsonl, each whole or not at all. The record says
 * what to keep, the pairs give the images again. Throws OUTPUT_INVALID where they do not belong together.
 */
export async function writeBootstrapped(
  pairs: AsyncIterable<WebPair> | Iterable<WebPair>,
  record: string,
  folder: string,
  signal?: AbortSignal,
): Promise<Bootstrapped> {
  const records: readonly CapFiltRecord[] = await readRecords(record);
  const shard = join(folder, 'shard.tar');
  const file = await AtomicFile.create(shard);
  const list = await AtomicFile.create(join(folder, 'failures.jsonl'));
  const failures: { input: string; code: ErrorCode; message: string }[] = [];
  try {
    const tar = pack();
    const written = (async () => {
      for await (const chunk of tar) {
        if (chunk instanceof Uint8Array) await file.append(chunk);
      }
    })();
    let at = 0;
    for await (const pair of pairs) {
      throwIfAborted(signal);
      const number = at++;
      const known = records[number];
      if (known?.image !== pair.image) {
        throw new DiptychError('OUTPUT_INVALID', `line ${String(number + 1)} is not of ${pair.image}`, {
          input: record,
        });
      }
      if ('error' in known) {
        const failure = { input: known.image, stage: 'capfilt', ...known.error };
        failures.push(failure);
        await list.append(Buffer.from(`${JSON.stringify(failure)}\n`));
        continue;
      }
      if (known.caption.length === 0) continue;
      const bytes = typeof pair.content === 'string' ? await readFile(pair.content) : pair.content;
      const key = String(number).padStart(9, '0');
      // One time for all members: the same pairs make the same bytes.
      const entry = (ending: string, content: string | Uint8Array): void => {
        const body =
          typeof content === 'string'
            ? Buffer.from(content)
            : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
        tar.entry({ name: `${key}.${ending}`, size: body.length, mtime: new Date(0) }, body);
      };
      entry(endingOf(bytes), bytes);
      entry('txt', known.caption.join('\n'));
      entry('json', JSON.stringify({ image: known.image, judged: known.judged }));
    }
    tar.finalize();
    await written;
    await publishAll([file, list]);
  } catch (error) {
    await file.discard();
    await list.discard();
    throw error;
  }
  return { shard, failures };
}
