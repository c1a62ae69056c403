import type { ImageContent, InputItem } from '../input/item.js';
import { brokenItems } from './embed-list.js';
import { groupBy } from './ordered.js';
import type { Failure } from './types.js';

/** The images of a group of items, with their names; what could not be read is in `failures`. */
export interface ImageGroup {
  readonly names: readonly string[];
  readonly contents: readonly ImageContent[];
  readonly failures: readonly Failure[];
}

/** The images of a stream of items (also of pairs), in groups of `size`; texts are left out. */
export async function* imageGroups(
  items: AsyncIterable<InputItem> | Iterable<InputItem>,
  size: number,
): AsyncGenerator<ImageGroup, void, undefined> {
  for await (const group of groupBy(items, size)) {
    const images = group.flatMap((item) => (item.shape === 'image' || item.shape === 'pair' ? [item] : []));
    yield {
      names: images.map(({ name }) => name),
      contents: images.map(({ image }) => image),
      failures: brokenItems(group),
    };
  }
}
