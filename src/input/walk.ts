import { access, opendir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DiptychError, toDiptychError } from '../errors.js';
import { Listing } from './listing.js';
import { RawNames } from './raw-names.js';
import { isImageName, notRegular } from './sniff.js';

/** A file below a folder, or a folder that could not be listed. */
export type Found =
  | {
      readonly ok: true;
      readonly file: string;
      /** The path in bytes where it is no UTF-8: `file` does not lead there then. */
      readonly raw: Buffer | null;
      /** Whether an entry of that name lies in the same folder. */
      readonly beside: (name: string) => boolean | Promise<boolean>;
    }
  | { readonly ok: false; readonly file: string; readonly error: DiptychError };

export interface WalkOptions {
  /** Folder for the names of folders that are too large for memory. */
  readonly scratch: string;
}

/** What a folder that is named like an image was meant to be shows by its contents: without any it is reported. */
async function* walkNamedLikeImage(
  folder: string,
  options: WalkOptions,
  above: readonly string[],
  raw: Buffer | null,
): AsyncGenerator<Found, void, undefined> {
  let empty = true;
  for await (const found of walk(folder, options, above, raw)) {
    empty = false;
    yield found;
  }
  if (empty) {
    const error = new DiptychError('INPUT_UNREADABLE', 'is a folder, not a picture', { input: folder });
    yield { ok: false, file: folder, error };
  }
}

/**
 * All files below a folder. Names are in code unit order on every platform and file system, so that a run can be taken
 * up again; those of a large folder wait in a file (see {@link Listing}), not in memory. Links are followed, but not round in circles; names that begin
 * with a dot are left out. A folder that cannot be read is reported in its place, and so is a pipe, socket or device that
 * is named like an image. Throws OUTPUT_FAILED where the names
 * of a large folder find no room.
 */
export async function* walk(
  folder: string,
  options: WalkOptions = { scratch: tmpdir() },
  above: readonly string[] = [],
  raw: Buffer | null = null,
): AsyncGenerator<Found, void, undefined> {
  let listing: Listing;
  let here: string;
  try {
    // Latin-1 keeps every byte of a path apart.
    here = await realpath(raw ?? folder, 'latin1');
    if (above.includes(here)) return;
    listing = await Listing.read(raw ?? folder, options.scratch);
  } catch (error) {
    if (error instanceof DiptychError) throw error;
    yield { ok: false, file: folder, error: toDiptychError(error, 'INPUT_UNREADABLE', folder) };
    return;
  }
  const below = [...above, here];
  const beside = (name: string): boolean | Promise<boolean> =>
    listing.has(name) ??
    access(path.join(folder, name)).then(
      () => true,
      () => false,
    );
  const names = new RawNames(folder, raw);
  for await (const entry of listing.entries()) {
    const file = path.join(folder, entry.name);
    const bytes = names.isRaw(entry.name) ? await names.pathOf(entry.name) : null;
    let kind = entry.kind;
    if (kind === 'link') {
      const target = await stat(bytes ?? file).catch(() => null);
      // A link to nowhere is an input that does not exist: the decoder says so.
      if (target === null || target.isFile()) kind = 'file';
      else kind = target.isDirectory() ? 'folder' : 'odd';
    }
    if (kind === 'file') {
      yield { ok: true, file, raw: bytes, beside };
    } else if (kind === 'odd') {
      if (isImageName(entry.name)) yield { ok: false, file, error: notRegular(file) };
    } else if (entry.kind === 'folder' && isImageName(entry.name)) {
      yield* walkNamedLikeImage(file, options, below, bytes);
    } else {
      yield* walk(file, options, below, bytes);
    }
  }
}

/** The files that {@link walk} finds, as they come, for counting: nothing of a folder is kept. What fails is left out. */
export async function* walkInAnyOrder(
  folder: string,
  above: readonly string[] = [],
): AsyncGenerator<string, void, undefined> {
  const here = await realpath(folder).catch(() => null);
  const entries = await opendir(folder, { bufferSize: 1024 }).catch(() => null);
  if (here === null || entries === null) return;
  if (above.includes(here)) {
    await entries.close();
    return;
  }
  const below = [...above, here];
  for await (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walkInAnyOrder(file, below);
    else if (entry.isFile()) yield file;
    else if (entry.isSymbolicLink()) {
      const target = await stat(file).catch(() => null);
      if (target?.isDirectory() === true) yield* walkInAnyOrder(file, below);
      else if (target === null || target.isFile()) yield file;
    }
  }
}
