import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { extract, pack } from 'tar-stream';
import { DiptychError, throwIfAborted, toDiptychError } from '../../errors.js';
import { AtomicFile, publishAll } from '../../output/atomic.js';

export interface FilteredShards {
  readonly shards: readonly string[];
  /** Samples written. */
  readonly samples: number;
  /** Keys that no tar held. */
  readonly missing: number;
}

/** The key of a webdataset member: its path up to the first dot of its name. */
export function sampleKey(name: string): string {
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', slash);
  return dot < 0 ? name : name.slice(0, dot);
}

/**
 * Copies the samples with the given keys from webdataset tars into new shards of `perShard` samples, in their order.
 * Members of one sample stand together in a webdataset. Each shard appears whole or not at all.
 *
 * @throws DiptychError INPUT_NOT_FOUND, INPUT_UNREADABLE, OUTPUT_FAILED, ABORTED.
 */
export async function filterShards(
  tars: readonly string[],
  keys: ReadonlySet<string>,
  folder: string,
  options: { readonly perShard?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<FilteredShards> {
  const { perShard = 10_000, signal } = options;
  if (!Number.isSafeInteger(perShard) || perShard < 1) {
    throw new DiptychError('BAD_OPTION', `expected a positive whole number, got ${String(perShard)}`, {
      input: 'perShard',
    });
  }
  const shards: string[] = [];
  const found = new Set<string>();
  let [samples, inShard] = [0, 0];
  let open: { file: AtomicFile; tar: ReturnType<typeof pack>; written: Promise<void> } | null = null;
  const finish = async (): Promise<void> => {
    if (open === null) return;
    open.tar.finalize();
    await open.written;
    await publishAll([open.file]);
    open = null;
  };
  const begin = async (): Promise<NonNullable<typeof open>> => {
    const name = join(folder, `${String(shards.length).padStart(5, '0')}.tar`);
    const file = await AtomicFile.create(name);
    const tar = pack();
    const written = (async () => {
      for await (const chunk of tar) if (chunk instanceof Uint8Array) await file.append(chunk);
    })();
    shards.push(name);
    inShard = 0;
    return { file, tar, written };
  };
  for (const source of tars) {
    let last: string | null = null;
    try {
      const members = createReadStream(source).pipe(extract());
      for await (const entry of members) {
        throwIfAborted(signal);
        const { name, type } = entry.header;
        const key = sampleKey(name);
        const wanted = type === 'file' && (keys.has(key) || keys.has(key.slice(key.lastIndexOf('/') + 1)));
        const chunks: Buffer[] = [];
        for await (const chunk of entry) if (wanted && chunk instanceof Buffer) chunks.push(chunk);
        if (!wanted) continue;
        if (key !== last) {
          if (open !== null && inShard >= perShard) await finish();
          open ??= await begin();
          inShard++;
          samples++;
          last = key;
          found.add(keys.has(key) ? key : key.slice(key.lastIndexOf('/') + 1));
        }
        open?.tar.entry({ name, mtime: new Date(0) }, Buffer.concat(chunks));
      }
    } catch (error) {
      throw toDiptychError(error, 'INPUT_UNREADABLE', source);
    }
  }
  await finish();
  return { shards, samples, missing: [...keys].filter((key) => !found.has(key)).length };
}
