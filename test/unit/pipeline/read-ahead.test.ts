import { expect, test } from '@jest/globals';
import { readAhead } from '#diptych/pipeline/read-ahead.js';

/** Items, and what was asked of them. */
function source(count: number, log: string[], failAt = -1) {
  return (async function* () {
    try {
      for (let i = 0; i < count; i++) {
        await Promise.resolve();
        if (i === failAt) throw new RangeError(`no ${String(i)}`);
        log.push(`made ${String(i)}`);
        yield i;
      }
    } finally {
      log.push('closed');
    }
  })();
}

test('the next item is made while one is in use, and no other', async () => {
  const log: string[] = [];
  for await (const item of readAhead(source(4, log))) {
    await new Promise(setImmediate);
    log.push(`used ${String(item)}`);
  }
  expect(log).toEqual([
    ...['made 0', 'made 1', 'used 0', 'made 2', 'used 1', 'made 3', 'used 2'],
    ...['closed', 'used 3'],
  ]);
});

test('a failure comes at its place', async () => {
  const seen: number[] = [];
  const all = (async () => {
    for await (const item of readAhead(source(4, [], 2))) seen.push(item);
  })();
  await expect(all).rejects.toThrow('no 2');
  expect(seen).toEqual([0, 1]);
});

test('who stops early closes the source', async () => {
  const log: string[] = [];
  for await (const item of readAhead(source(9, log))) if (item === 1) break;
  expect(log).toEqual(['made 0', 'made 1', 'made 2', 'closed']);
});
