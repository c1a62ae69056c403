import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupBy, mapOrdered } from '#diptych/pipeline/ordered.js';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('groupBy', () => {
  test('groups, with a shorter last group', async () => {
    expect(await collect(groupBy([1, 2, 3, 4, 5], 2))).toEqual([[1, 2], [3, 4], [5]]);
  });
  test('a group ends early once its items weigh enough; one item is a group whatever it weighs', async () => {
    const load = { weigh: (item: number) => item, most: 10 };
    expect(await collect(groupBy([4, 4, 4, 100, 1, 1, 1, 1, 9], 4, load))).toEqual([
      [4, 4, 4],
      [100],
      [1, 1, 1, 1],
      [9],
    ]);
  });
  test('an empty source has no groups', async () => {
    expect(await collect(groupBy([], 3))).toEqual([]);
  });
});

describe('mapOrdered', () => {
  test('keeps the order whatever finishes first', async () => {
    const result = await collect(
      mapOrdered([30, 1, 20, 2, 10], 3, async (ms) => {
        await sleep(ms);
        return ms;
      }),
    );
    expect(result).toEqual([30, 1, 20, 2, 10]);
  });

  test('never has more than the limit in flight, and does reach it', async () => {
    let now = 0;
    let most = 0;
    const items = Array.from({ length: 40 }, (_, i) => i);
    await collect(
      mapOrdered(items, 4, async () => {
        most = Math.max(most, ++now);
        await sleep(1);
        now--;
      }),
    );
    expect(most).toBe(4);
  });

  test('pulls no more than the limit ahead of a slow consumer', async () => {
    let pulled = 0;
    const source = (function* () {
      for (let i = 0; i < 100; i++) {
        pulled++;
        yield i;
      }
    })();
    let taken = 0;
    for await (const item of mapOrdered(source, 2, (value) => Promise.resolve(value))) {
      await sleep(1);
      expect(pulled - item).toBeLessThanOrEqual(4);
      if (++taken === 20) break;
    }
    expect(pulled).toBeLessThan(26);
  });

  test('gives the error of the work at its place, after the results before it', async () => {
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      const source = mapOrdered([1, 2, 3, 4], 2, (value) =>
        value === 3 ? Promise.reject(new Error('three')) : Promise.resolve(value),
      );
      for await (const value of source) seen.push(value);
    };
    await expect(run()).rejects.toThrow('three');
    expect(seen).toEqual([1, 2]);
  });

  test('gives the error of the source after all that came before it', async () => {
    const seen: number[] = [];
    const source = async function* (): AsyncGenerator<number> {
      yield await Promise.resolve(1);
      throw new Error('source');
    };
    const run = async (): Promise<void> => {
      for await (const value of mapOrdered(source(), 3, (item) => Promise.resolve(item))) seen.push(value);
    };
    await expect(run()).rejects.toThrow('source');
    expect(seen).toEqual([1]);
  });

  test('waits for the work in flight when the consumer leaves', async () => {
    let running = 0;
    for await (const value of mapOrdered([1, 2, 3, 4, 5], 3, async (item) => {
      running++;
      await sleep(5);
      running--;
      return item;
    })) {
      if (value === 1) break;
    }
    expect(running).toBe(0);
  });

  test('an aborted signal ends it with ABORTED', async () => {
    const controller = new AbortController();
    const run = async (): Promise<void> => {
      for await (const value of mapOrdered(
        [1, 2, 3],
        1,
        (item) => Promise.resolve(item),
        controller.signal,
      )) {
        if (value === 1) controller.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
