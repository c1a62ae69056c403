import { opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiptychError, toDiptychError } from '../errors.js';
import { isImageName } from './sniff.js';

/** A file below a folder, or a folder that could not be listed. */
export type Found =
  | {
      readonly ok: true;
      readonly file: string;
      /** Whether an entry of that name lies in the same folder. */
      readonly beside: (name: string) => boolean;
    }
  | { readonly ok: false; readonly file: string; readonly error: DiptychError };

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link';
}

async function list(folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) entries.push({ name: entry.name, kind: 'folder' });
    else if (entry.isSymbolicLink()) entries.push({ name: entry.name, kind: 'link' });
    else if (entry.isFile()) entries.push({ name: entry.name, kind: 'file' });
  }
  return entries.sort((a, b) => byCodeUnits(a.name, b.name));
}

/** What a folder that is named like an image was meant to be shows by its contents: without any it is reported. */
async function* walkNamedLikeImage(
  folder: string,
  above: readonly string[],
): AsyncGenerator<Found, void, undefined> {
  let empty = true;
  for await (const found of walk(folder, above)) {
    empty = false;
    yield found;
  }
  if (empty) {
    const error = new DiptychError('INPUT_UNREADABLE', 'is a folder, not a picture', { input: folder });
    yield { ok: false, file: folder, error };
  }
}

/**
 * All files below a folder, one folder's listing in memory at a time. Names are in code unit order on every platform
 * and file system, so that a run can be taken up again. Links are followed, but not round in circles; names that begin
 * with a dot are left out. A folder that cannot be read is reported in its place.
 */
export async function* walk(
  folder: string,
  above: readonly string[] = [],
): AsyncGenerator<Found, void, undefined> {
  let entries: Entry[];
  let here: string;
  try {
    here = await realpath(folder);
    entries = await list(folder);
  } catch (error) {
    yield { ok: false, file: folder, error: toDiptychError(error, 'INPUT_UNREADABLE', folder) };
    return;
  }
  if (above.includes(here)) return;
  const below = [...above, here];
  let names: ReadonlySet<string> | null = null;
  const beside = (name: string): boolean => {
    names ??= new Set(entries.map((entry) => entry.name));
    return names.has(name);
  };
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.kind === 'file') {
      yield { ok: true, file, beside };
    } else if (entry.kind === 'folder') {
      yield* isImageName(entry.name) ? walkNamedLikeImage(file, below) : walk(file, below);
    } else {
      const target = await stat(file).catch(() => null);
      if (target?.isDirectory() === true) yield* walk(file, below);
      // A link to nowhere is an input that does not exist: the decoder says so.
      else if (target === null || target.isFile()) yield { ok: true, file, beside };
    }
  }
}
