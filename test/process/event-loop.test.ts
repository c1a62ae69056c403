import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { longestTurn, mainThreadMs } from '#diptych/bench/longest-turn.js';
import { loadModel, type Model } from '#diptych/index.js';

/** Between two beats. */
const EVERY_MS = 10;

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));

/**
 * Most milliseconds that one turn may take here. The product's promise is 20 ms, and `bench` measures it; the test
 * runtime's own garbage collection and compilation, on a machine of unknown speed, come on top in a test. Work done
 * in one go instead of by pieces (all 2,000 texts, all 200 photos) takes seconds, so the test still tells.
 */
const TURN_MS = 200;

/** The least of a few rounds: garbage collection falls into some of them; what our code itself does is in all. */
async function leastLongestTurn(work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < 3 && least >= TURN_MS; round++)
    least = Math.min(least, await longestTurn(work, EVERY_MS));
  return least;
}

const onLinux = process.platform === 'linux' ? test : test.skip;
let model: Model;
beforeAll(async () => {
  model = await loadModel();
});
afterAll(() => model.close());

onLinux('the event loop turns while 200 photos are embedded', async () => {
  const photos = readdirSync(PHOTOS).filter((name) => name.endsWith('.jpg'));
  const files = Array.from({ length: 200 }, (_, i) => join(PHOTOS, photos[i % photos.length] ?? ''));
  await model.embedImages(files.slice(0, 8));
  const turn = await leastLongestTurn(async () => {
    expect((await model.embedImages(files)).rows).toBe(200);
  });
  expect(turn).toBeLessThan(TURN_MS);
});

onLinux('and while 2,000 texts are', async () => {
  const texts = Array.from(
    { length: 2000 },
    (_, i) => `a photo of ${String(i)} cats on a red sofa, taken in ${String(1900 + (i % 120))}`,
  );
  await model.embedTexts(texts.slice(0, 8));
  const turn = await leastLongestTurn(async () => {
    expect((await model.embedTexts(texts)).rows).toBe(2000);
  });
  expect(turn).toBeLessThan(TURN_MS);
});

test('the check does see a loop that is held', async () => {
  if (process.platform !== 'linux') return;
  const turn = await longestTurn(async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const end = mainThreadMs() + 2 * TURN_MS;
    while (mainThreadMs() < end);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }, EVERY_MS);
  expect(turn).toBeGreaterThan(TURN_MS);
});
