import type { DiptychError } from '../errors.js';
import type { Cells } from '../output/cells.js';

/** Path, http(s) URL, or the bytes of an image file. */
export type ImageContent = string | Uint8Array;

/** One input: an image, a text, a pair of both, or something that could not be read. */
export type InputItem = {
  /** How failures name it. */
  readonly name: string;
  /** The row of metadata that describes it. */
  readonly cells: Cells;
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
