import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { toDiptychError } from '../errors.js';
import { DownloadRoom, type Download } from '../input/download-room.js';
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

interface Fetched {
  readonly item: InputItem;
  /** Its bytes' place among the downloads, where it was one. */
  readonly download: Download | null;
}

/** Replaces URLs of images by the bytes behind them. */
async function fetched(
  item: InputItem,
  options: SourceOptions,
  room: DownloadRoom,
  signal: AbortSignal,
): Promise<Fetched> {
  if (item.shape !== 'image' && item.shape !== 'pair') return { item, download: null };
  const { image } = item;
  if (typeof image !== 'string' || !isUrl(image)) return { item, download: null };
  const { timeoutMs, maxBytes, allowPrivateUrls } = options;
  const download = room.open();
  try {
    const { fetchBytes, FETCH_DEFAULTS } = await import('../input/fetch.js');
    const bytes = await fetchBytes(image, {
      ...FETCH_DEFAULTS,
      timeoutMs,
      ...(maxBytes === null ? {} : { maxBytes }),
      allowPrivate: allowPrivateUrls,
      signal,
      download,
    });
    return { item: { ...item, image: bytes }, download };
  } catch (error) {
    download.close();
    const failed = broken(item.name, toDiptychError(error, 'INPUT_UNREADABLE', image), shapeOf(item));
    return { item: { ...failed, cells: item.cells }, download: null };
  }
}

/** Items that are in memory already (the small members of a tar's next piece) pass for so long before the loop turns. */
const TURN_MS = 4;

/**
 * The items of a command's inputs: opened, divided among machines, URLs fetched. In order, with bounded look-ahead and
 * memory.
 */
export async function* inputItems(
  inputs: readonly string[],
  options: SourceOptions,
): AsyncGenerator<InputItem, void, undefined> {
  const all = openInputs(inputs, options);
  const mine = options.share === null ? all : shareOf(all, options.share);
  const room = new DownloadRoom();
  const left = new AbortController();
  const { signal } = options;
  const ended = signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]);
  // Every download under way listens to it: so many is no leak.
  setMaxListeners(0, ended);
  const results = mapOrdered(
    mine,
    options.concurrency,
    (item) => fetched(item, options, room, ended),
    signal,
  );
  let turned = performance.now();
  try {
    for (;;) {
      const next = await results.next();
      if (next.done === true) return;
      if (performance.now() - turned > TURN_MS) {
        await setImmediate();
        turned = performance.now();
      }
      next.value.download?.close();
      yield next.value.item;
    }
  } finally {
    // Nobody asks for the rest: what is under way would wait for room until its time is over.
    left.abort();
    await results.return();
  }
}
