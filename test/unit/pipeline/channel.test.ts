import { expect, test } from '@jest/globals';
import { Channel } from '#diptych/pipeline/channel.js';

test('hands over items in order and ends', async () => {
  const channel = new Channel<number>(2);
  const produce = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) expect(await channel.push(i)).toBe(true);
    channel.end();
  };
  const producing = produce();
  const seen: number[] = [];
  for await (const item of channel) seen.push(item);
  await producing;
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a full channel holds its producer back', async () => {
  const channel = new Channel<number>(1);
  await channel.push(1);
  let second = false;
  void channel.push(2).then(() => {
    second = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(second).toBe(false);
  const iterator = channel[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ done: false, value: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(second).toBe(true);
});

test('a channel is full by weight too, but takes one item whatever it weighs', async () => {
  const channel = new Channel<number>(100, { weigh: (item) => item, most: 10 });
  let taken = 0;
  const produce = async (): Promise<void> => {
    for (const item of [50, 6, 6, 6]) {
      await channel.push(item);
      taken++;
    }
    channel.end();
  };
  const producing = produce();
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toBe(1);
  const iterator = channel[Symbol.asyncIterator]();
  await iterator.next();
  await new Promise((resolve) => setImmediate(resolve));
  // 6 and 6 are enough, the last waits.
  expect(taken).toBe(3);
  const rest: number[] = [];
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
    rest.push(next.value);
  await producing;
  expect(rest).toEqual([6, 6, 6]);
});

test('push tells the producer that nobody reads any more', async () => {
  const channel = new Channel<number>(1);
  await channel.push(1);
  const blocked = channel.push(2);
  for await (const item of channel) {
    expect(item).toBe(1);
    break;
  }
  // The blocked item may have been taken in before the reader left; the next one may not.
  await blocked;
  expect(await channel.push(3)).toBe(false);
});

test('a failure reaches the reader after the items before it', async () => {
  const channel = new Channel<number>(4);
  await channel.push(1);
  channel.fail(new Error('gone'));
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const item of channel) seen.push(item);
  };
  await expect(read()).rejects.toThrow('gone');
  expect(seen).toEqual([1]);
});
