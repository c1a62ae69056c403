import { toDiptychError } from '../errors.js';
import { broken, isUrl, shapeOf, type InputItem } from '../input/item.js';
import { openInputs, type InputOptions } from '../input/open.js';
import { mapOrdered } from './ordered.js';

/** This machine's share of the inputs: those whose position modulo `of` is `index`. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

export interface SourceOptions extends InputOptions {
  readonly share: Share | null;
  /** Fetches at once, and what they are allowed. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Larger answers are refused; null: the fetcher's own limit. */
  readonly maxBytes: number | null;
  readonly allowPrivateUrls: boolean;
  readonly signal?: AbortSignal;
}

async function* shareOf(
  items: AsyncIterable<InputItem>,
  share: Share,
): AsyncGenerator<InputItem, void, undefined> {
  let position = 0;
  for await (const item of items) {
    if (position++ % share.of === share.index) yield item;
  }
}

/** Replaces URLs of images by the bytes behind them. */
async function fetched(item: InputItem, options: SourceOptions): Promise<InputItem> {
  if (item.shape !== 'image' && item.shape !== 'pair') return item;
  const { image } = item;
  if (typeof image !== 'string' || !isUrl(image)) return item;
  const { fetchBytes, FETCH_DEFAULTS } = await import('../input/fetch.js');
  const { timeoutMs, maxBytes, allowPrivateUrls, signal } = options;
  try {
    const bytes = await fetchBytes(image, {
      ...FETCH_DEFAULTS,
      timeoutMs,
      ...(maxBytes === null ? {} : { maxBytes }),
      allowPrivate: allowPrivateUrls,
      ...(signal === undefined ? {} : { signal }),
    });
    return { ...item, image: bytes };
  } catch (error) {
    return {
      ...broken(item.name, toDiptychError(error, 'INPUT_UNREADABLE', image), shapeOf(item)),
      cells: item.cells,
    };
  }
}

/** The items of a command's inputs: opened, divided among machines, URLs fetched. In order, with bounded look-ahead. */
export async function* inputItems(
  inputs: readonly string[],
  options: SourceOptions,
): AsyncGenerator<InputItem, void, undefined> {
  const all = openInputs(inputs, options);
  const mine = options.share === null ? all : shareOf(all, options.share);
  yield* mapOrdered(mine, options.concurrency, (item) => fetched(item, options), options.signal);
}
