import { expect, test } from '@jest/globals';
import { untilFinish } from '#diptych/pipeline/until-finish.js';

/** Gives its items, then nothing for ever. */
async function* silent(...items: number[]): AsyncGenerator<number, void, undefined> {
  yield* items;
  await new Promise(() => undefined);
}

async function take(
  source: AsyncIterable<number>,
  finish: AbortSignal,
  isIdle: (seen: readonly number[]) => boolean,
): Promise<{ seen: number[]; left: boolean }> {
  const seen: number[] = [];
  let left = false;
  const items = untilFinish(
    source,
    finish,
    () => isIdle(seen),
    () => {
      left = true;
    },
  );
  for await (const item of items) seen.push(item);
  return { seen, left };
}

test('a silent source is left where nothing is open', async () => {
  const finish = new AbortController();
  setTimeout(() => {
    finish.abort();
  }, 20);
  expect(await take(silent(1, 2), finish.signal, () => true)).toEqual({ seen: [1, 2], left: true });
});

test('what a source has is taken all the same, and so is its end', async () => {
  const items = async function* (): AsyncGenerator<number, void, undefined> {
    yield* [1, 2, 3];
    await Promise.resolve();
  };
  expect(await take(items(), AbortSignal.abort(), () => true)).toEqual({ seen: [1, 2, 3], left: false });
});

test('where something is open, its items are waited for', async () => {
  const late = async function* (): AsyncGenerator<number, void, undefined> {
    yield 1;
    await new Promise((resolve) => setTimeout(resolve, 300));
    yield 2;
    await new Promise(() => undefined);
  };
  const isIdle = (seen: readonly number[]): boolean => seen.length !== 1;
  expect(await take(late(), AbortSignal.abort(), isIdle)).toEqual({ seen: [1, 2], left: true });
});
