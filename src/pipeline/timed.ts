import type { StageClock } from './stage-clock.js';

/** The same items; the time in which the next one was waited for counts as reading. */
export async function* timed<T>(
  source: AsyncIterable<T>,
  clock: StageClock,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const done = clock.start('read');
      const next = await iterator.next().finally(done);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
