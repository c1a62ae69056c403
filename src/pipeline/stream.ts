import { DiptychError } from '../errors.js';
import { Channel } from './channel.js';
import { embedImages, IMAGE_LOAD, type ImageBytes, type ImageTower } from './images.js';
import { embedTexts, type TextTower } from './texts.js';
import type { Indexed, RowBatch } from './types.js';

/** An item of a stream: an image (path or bytes of a file), or a text. */
export type StreamItem = ImageBytes | { readonly image: ImageBytes } | { readonly text: string };

/** Rows of one kind; `indices` are positions in the whole source. */
export interface EmbeddedBatch extends RowBatch {
  readonly kind: 'image' | 'text';
}

type Item =
  { readonly kind: 'image'; readonly value: ImageBytes } | { readonly kind: 'text'; readonly value: string };

/** Items read ahead of each tower. */
const AHEAD = 64;

function parse(item: unknown, index: number): Item {
  const bad = (expected: string): never => {
    throw new DiptychError('BAD_INPUT', `expected ${expected}, got ${item === null ? 'null' : typeof item}`, {
      input: `item ${String(index)} of the stream`,
    });
  };
  if (typeof item === 'string' || item instanceof Uint8Array) return { kind: 'image', value: item };
  if (typeof item !== 'object' || item === null) return bad('a path, bytes, { image } or { text }');
  if ('text' in item)
    return typeof item.text === 'string' ? { kind: 'text', value: item.text } : bad('a string in { text }');
  if ('image' in item && (typeof item.image === 'string' || item.image instanceof Uint8Array)) {
    return { kind: 'image', value: item.image };
  }
  return bad('a path, bytes, { image } or { text }');
}

/**
 * Yields from several generators as they come; ends them all when one fails or the consumer leaves: `release` then lets
 * those go on that wait for something. Not by Promise.race: every call of it leaves a reaction, and with it a batch, on
 * the promise of a generator that has nothing to give.
 */
async function* merge<T>(
  generators: readonly AsyncGenerator<T, void, undefined>[],
  release: () => void,
): AsyncGenerator<T, void, undefined> {
  type From = AsyncGenerator<T, void, undefined>;
  const waiting = new Map<From, Promise<void>>();
  const ready: { readonly from: From; readonly result: IteratorResult<T, void> }[] = [];
  let failure: { readonly error: unknown } | null = null;
  let wake = (): void => undefined;
  const failed = (): { readonly error: unknown } | null => failure;
  const ask = (from: From): void => {
    const asked = from.next().then(
      (result) => {
        ready.push({ from, result });
        wake();
      },
      (error: unknown) => {
        failure ??= { error };
        wake();
      },
    );
    waiting.set(from, asked);
  };
  generators.forEach(ask);
  try {
    while (waiting.size > 0) {
      const thrown = failed();
      if (thrown !== null) throw thrown.error;
      const next = ready.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
      } else if (next.result.done === true) {
        waiting.delete(next.from);
      } else {
        ask(next.from);
        yield next.result.value;
      }
    }
  } finally {
    release();
    await Promise.all(waiting.values());
    await Promise.allSettled([...waiting.keys()].map((generator) => generator.return()));
  }
}

function isIterable(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/**
 * Embeds a mixed stream with bounded memory. Batches are of one kind each, in the order of the source within
 * their kind; a tower is only opened once an item for it comes.
 */
export async function* embedStream(
  towers: { readonly image: () => ImageTower; readonly text: () => TextTower },
  source: AsyncIterable<StreamItem> | Iterable<StreamItem>,
  signal?: AbortSignal,
): AsyncGenerator<EmbeddedBatch, void, undefined> {
  if (!isIterable(source)) {
    throw new DiptychError('BAD_INPUT', 'expected an iterable or async iterable of items', {
      input: 'embedStream',
    });
  }
  const images = new Channel<Indexed<ImageBytes>>(AHEAD, IMAGE_LOAD);
  const texts = new Channel<Indexed<string>>(AHEAD);
  const pump = async (): Promise<void> => {
    let index = 0;
    try {
      for await (const raw of source) {
        const item = parse(raw, index);
        const wanted =
          item.kind === 'image'
            ? await images.push({ index, item: item.value })
            : await texts.push({ index, item: item.value });
        if (!wanted) return;
        index++;
      }
      images.end();
      texts.end();
    } catch (error) {
      images.fail(error);
      texts.fail(error);
    }
  };
  // A tower is looked up when its first item is there, so that a text-only model can take a stream of texts.
  const imageBatches = async function* (): AsyncGenerator<EmbeddedBatch, void, undefined> {
    for await (const batch of whenFirst(images, (items) => embedImages(towers.image(), items, signal)))
      yield { kind: 'image', ...batch };
  };
  const textBatches = async function* (): AsyncGenerator<EmbeddedBatch, void, undefined> {
    for await (const batch of whenFirst(texts, (items) => embedTexts(towers.text(), items, signal)))
      yield { kind: 'text', ...batch };
  };
  void pump();
  yield* merge([imageBatches(), textBatches()], () => {
    images.end();
    texts.end();
  });
}

/** Starts `work` once the source has an item; yields nothing for an empty source. */
async function* whenFirst<T, R>(
  source: AsyncIterable<T>,
  work: (items: AsyncIterable<T>) => AsyncIterable<R>,
): AsyncGenerator<R, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const all = async function* (): AsyncGenerator<T, void, undefined> {
    try {
      yield first.value;
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  yield* work(all());
}
