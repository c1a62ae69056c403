import type { InputItem } from '../input/item.js';
import { joinRows, type Embeddings } from './collect.js';
import { groupBy } from './ordered.js';
import type { Failure } from './types.js';

/** The engine's Model has these. */
export interface ListEmbedder {
  embedImages(
    images: readonly (string | Uint8Array)[],
    options: { readonly signal: AbortSignal },
  ): Promise<Embeddings>;
  embedTexts(texts: readonly string[], options: { readonly signal: AbortSignal }): Promise<Embeddings>;
}

/** Embeddings of a group of items of one kind, with the name of each row. */
export interface NamedEmbeddings extends Embeddings {
  readonly names: readonly string[];
}

/** Items embedded together: enough to keep decode and encode overlapped, few enough to hold. */
const GROUP = 256;

/** The items of a group that could not be read, as failures. */
export function brokenItems(items: readonly InputItem[]): Failure[] {
  return items.flatMap((item, index) =>
    item.shape === 'broken'
      ? [
          {
            index,
            input: item.name,
            stage: 'read' as const,
            code: item.error.code,
            message: item.error.message,
          },
        ]
      : [],
  );
}

/**
 * Embeds items group by group: images (and the image of a pair) with the image tower, texts with the other.
 * `kind` says which; items of the other kind are left out.
 */
export async function* embedItems(
  model: ListEmbedder,
  items: AsyncIterable<InputItem> | Iterable<InputItem>,
  kind: 'image' | 'text',
  signal: AbortSignal,
): AsyncGenerator<NamedEmbeddings, void, undefined> {
  for await (const group of groupBy(items, GROUP)) {
    const wanted = group.flatMap((item) => {
      if (kind === 'image' && (item.shape === 'image' || item.shape === 'pair')) {
        return [{ name: item.name, content: item.image }];
      }
      if (kind === 'text' && (item.shape === 'text' || item.shape === 'pair')) {
        return [{ name: item.text, content: item.text }];
      }
      return [];
    });
    const contents = wanted.map(({ content }) => content);
    const embedded =
      kind === 'image'
        ? await model.embedImages(contents, { signal })
        : await model.embedTexts(contents.map(String), { signal });
    const nameOf = (index: number): string => wanted[index]?.name ?? '';
    const failures = embedded.failures.map((failure) => ({ ...failure, input: nameOf(failure.index) }));
    yield {
      ...embedded,
      failures: [...brokenItems(group), ...failures],
      notices: embedded.notices.map((notice) => ({ ...notice, input: nameOf(notice.index) })),
      names: embedded.indices.map(nameOf),
    };
  }
}

/** All rows of a stream of groups as one set. */
export async function joinEmbeddings(groups: AsyncIterable<NamedEmbeddings>): Promise<NamedEmbeddings> {
  const parts: NamedEmbeddings[] = [];
  for await (const part of groups) parts.push(part);
  return { ...joinRows(parts, 0), names: parts.flatMap((part) => part.names) };
}
