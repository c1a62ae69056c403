import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { decode, encode } from 'fast-png';
import { openEmoji } from '#diptych/tasks/datasets.js';
import { json } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = join(temporaryFolder(), 'emoji-datasource-sample');
const pictures = join(folder, 'img', 'sample', '64');
const [width, height] = [2, 1];

/** One opaque and one half transparent pixel, whose colour shows half of the white behind it. */
const RED = encode({
  width,
  height,
  channels: 4,
  depth: 8,
  data: Uint8Array.from([255, 0, 0, 255, 0, 0, 0, 128]),
});
const GRAY = encode({ width, height, channels: 2, depth: 8, data: Uint8Array.from([7, 255, 9, 0]) });
const OPAQUE = encode({ width, height, channels: 3, depth: 8, data: Uint8Array.from([1, 2, 3, 4, 5, 6]) });

mkdirSync(pictures, { recursive: true });
for (const [name, bytes] of Object.entries({ 'a.png': RED, 'b.png': GRAY, 'c.png': OPAQUE }))
  writeFileSync(join(pictures, name), bytes);
writeFileSync(
  join(folder, 'emoji.json'),
  JSON.stringify([
    { name: 'RED HEART', short_name: 'heart', image: 'a.png' },
    { name: null, short_name: 'flag_us', image: 'b.png' },
    { name: 'KEYCAP 1', short_name: 'one', image: 'c.png' },
    { name: 'NOT DRAWN', short_name: 'none', image: 'missing.png' },
  ]),
);

test('emoji are laid on white and called by their names; what the vendor has not drawn is left out', async () => {
  const set = await openEmoji(folder);
  expect([set.name, set.rows, ...set.classes]).toEqual([
    'emoji-sample',
    3,
    'red heart',
    'flag us',
    'keycap 1',
  ]);
  expect([...set.labels]).toEqual([0, 1, 2]);
  const pixels = [0, 1, 2].map((row) => {
    const bytes = set.image(row);
    return typeof bytes === 'string' ? [] : [...decode(bytes).data];
  });
  expect(pixels).toEqual([
    [255, 0, 0, 127, 127, 127],
    [7, 255],
    [1, 2, 3, 4, 5, 6],
  ]);
});

test('eval emoji gives recall both ways beside the accuracy', async () => {
  const result = (await json(['eval', 'emoji', '--data', folder])) as {
    rows: number;
    metrics: Record<string, number>;
  };
  expect(result.rows).toBe(3);
  // three pictures, three names: the right one is always among the first five
  expect(result.metrics['text_retrieval_recall@5']).toBe(1);
  expect(result.metrics['image_retrieval_recall@5']).toBe(1);
  expect(result.metrics['text_retrieval_recall@1']).toBe(result.metrics['acc1']);
});
