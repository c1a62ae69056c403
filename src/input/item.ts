import { stat } from 'node:fs/promises';
import { DiptychError } from '../errors.js';
import type { Cells } from '../output/cells.js';

/** Path, http(s) URL, or the bytes of an image file. */
export type ImageContent = string | Uint8Array;

/** An image that is held in memory before it is decoded has at most so many bytes. */
export const MOST_IMAGE_BYTES = 256 * 1024 ** 2;

/** A folder that inputs were listed in: the place on disk that its path meant then. */
export interface ListedFolder {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** One input: an image, a text, a pair of both, or something that could not be read. */
export type InputItem = {
  /** How failures name it. */
  readonly name: string;
  /** The row of metadata that describes it. */
  readonly cells: Cells;
  /** Where it was found, if not by its own name. */
  readonly listed?: ListedFolder;
} & (
  | { readonly shape: 'image'; readonly image: ImageContent }
  | { readonly shape: 'text'; readonly text: string }
  | { readonly shape: 'pair'; readonly image: ImageContent; readonly text: string }
  | { readonly shape: 'broken'; readonly meant: 'image' | 'text' | 'pair'; readonly error: DiptychError }
);

/** What an input is to be taken for. */
export type InputKind = 'auto' | 'image' | 'text';

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/** What the item's row is in the output: a broken one counts as what it was meant to be. */
export function shapeOf(item: InputItem): 'image' | 'text' | 'pair' {
  return item.shape === 'broken' ? item.meant : item.shape;
}

/** An item that could not be read. */
export function broken(
  name: string,
  error: DiptychError,
  meant: 'image' | 'text' | 'pair' = 'image',
): InputItem {
  return { name, cells: {}, shape: 'broken', meant, error };
}

/**
 * Throws INPUT_NOT_FOUND where a folder is no longer what it was when it was listed: removed, or the disk behind it
 * unmounted, which leaves another folder of that name.
 */
export async function checkThere(folder: ListedFolder | undefined): Promise<void> {
  if (folder === undefined) return;
  const now = await stat(folder.path).catch(() => null);
  if (now !== null && now.dev === folder.dev && now.ino === folder.ino) return;
  throw new DiptychError(
    'INPUT_NOT_FOUND',
    'this folder has gone while its files were read; bring it back, then go on with --resume',
    { input: folder.path },
  );
}
