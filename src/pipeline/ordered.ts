import { throwIfAborted } from '../errors.js';

/** What items weigh, and the weight at which no more are taken: one is always taken. */
export interface Load<T> {
  readonly weigh: (item: T) => number;
  readonly most: number;
}

/**
 * Groups a source into arrays of `size` (the last, and those of heavy items, may be shorter); a function is asked anew
 * for each group.
 */
export async function* groupBy<T>(
  source: AsyncIterable<T> | Iterable<T>,
  size: number | (() => number),
  load: Load<T> | null = null,
): AsyncGenerator<T[], void, undefined> {
  const wanted = typeof size === 'number' ? () => size : size;
  let group: T[] = [];
  let full = wanted();
  let weight = 0;
  for await (const item of source) {
    group.push(item);
    if (load !== null) weight += load.weigh(item);
    if (group.length >= full || (load !== null && weight >= load.most)) {
      yield group;
      group = [];
      weight = 0;
      full = wanted();
    }
  }
  if (group.length > 0) yield group;
}

interface Flow<R> {
  readonly started: Promise<R>[];
  ended: boolean;
  failure: { readonly error: unknown } | null;
  wake: () => void;
}

/**
 * Maps a source through `work`, at most `limit` items at once (a function is asked anew), and yields the results in the source's order.
 * The source is pulled while results wait to be taken, never more than `limit` ahead. When the consumer stops
 * early or something fails, the work in flight is waited for, so that no buffer is freed under a running call.
 */
export async function* mapOrdered<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  limit: number | (() => number),
  work: (item: T) => Promise<R>,
  signal?: AbortSignal,
): AsyncGenerator<R, void, undefined> {
  throwIfAborted(signal);
  const most = typeof limit === 'number' ? () => limit : limit;
  const flow: Flow<R> = { started: [], ended: false, failure: null, wake: () => undefined };
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      const previous = flow.wake;
      flow.wake = () => {
        previous();
        resolve();
      };
    });
  const wake = (): void => {
    const waiting = flow.wake;
    flow.wake = () => undefined;
    waiting();
  };
  let stopped = false;
  const isStopped = (): boolean => stopped;
  const pump = async (): Promise<void> => {
    try {
      for await (const item of source) {
        if (isStopped()) break;
        const result = work(item);
        result.catch(() => undefined);
        flow.started.push(result);
        wake();
        while (flow.started.length >= most() && !isStopped()) await changed();
        if (isStopped()) break;
      }
    } catch (error) {
      flow.failure = { error };
    } finally {
      flow.ended = true;
      wake();
    }
  };
  const onAbort = (): void => {
    wake();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const pumping = pump();
  try {
    for (;;) {
      throwIfAborted(signal);
      const next = flow.started[0];
      if (next !== undefined) {
        const result = await next;
        void flow.started.shift();
        wake();
        yield result;
      } else if (flow.ended) {
        if (flow.failure !== null) throw flow.failure.error;
        return;
      } else {
        await changed();
      }
    }
  } finally {
    stopped = true;
    wake();
    signal?.removeEventListener('abort', onAbort);
    const rest = flow.started.splice(0);
    await Promise.allSettled(rest);
    // A source that never answers must not hold the consumer that has gone away.
    if (flow.ended) await pumping;
  }
}
