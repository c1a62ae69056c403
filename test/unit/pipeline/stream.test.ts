import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadModel, type Model } from '#diptych/index.js';
import type { StreamItem } from '#diptych/pipeline/stream.js';
import { repository } from '../../support/command.js';

const cat = join(repository, 'examples', 'photos', 'cat.jpg');
let model: Model;
beforeAll(async () => {
  model = await loadModel(join(repository, 'test', 'fixtures', 'families', 'clip-vit'), { batchSize: 4 });
});
afterAll(() => model.close());

/** More than any queue holds; tells how many were taken, and whether it was ended. */
function longSource(item: StreamItem): { items: AsyncIterable<StreamItem>; state: { ended: boolean } } {
  const state = { ended: false };
  const items = async function* (): AsyncGenerator<StreamItem, void, undefined> {
    try {
      for (let i = 0; i < 1e6; i++) {
        await Promise.resolve();
        yield item;
      }
    } finally {
      state.ended = true;
    }
  };
  return { items: items(), state };
}

test.each([
  ['images', { image: cat }],
  ['texts', { text: 'a photo of a cat' }],
])('a consumer that leaves a long stream of %s ends its source', async (_, item) => {
  const { items, state } = longSource(item);
  let rows = 0;
  for await (const batch of model.embedStream(items)) {
    rows += batch.rows;
    if (rows >= 8) break;
  }
  expect(rows).toBeGreaterThanOrEqual(8);
  // Once for the source to see that nobody takes its items any more.
  await new Promise((resolve) => setImmediate(resolve));
  expect(state.ended).toBe(true);
});
