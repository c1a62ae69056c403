import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Tower } from '#diptych/output/layout.js';
import { openPart } from '#diptych/output/part.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();

/** The bytes of a part of one pair whose towers answered in this order. */
async function partOf(format: 'parquet' | 'jsonl', order: readonly Tower[]): Promise<Buffer> {
  const folder = join(root, `${format}-${order.join('-')}`);
  const part = openPart({ folder, part: 0, format, dtype: 'fp32' });
  const vectors = new Map(order.map((tower) => [tower, Float32Array.of(tower === 'image' ? 1 : 2, 0.5)]));
  await part.append([{ cells: { image_path: 'a.jpg', text: 'a' }, vectors }]);
  const [file] = await part.commit(new Map(order.map((tower) => [tower, [2]])));
  return readFileSync(file ?? '');
}

test.each(['parquet', 'jsonl'] as const)(
  'the same bytes whichever tower answers first: %s',
  async (format) => {
    const expected = await partOf(format, ['image', 'text']);
    expect((await partOf(format, ['text', 'image'])).equals(expected)).toBe(true);
  },
);
