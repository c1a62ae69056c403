import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  openEmbeddings,
  readBlocks,
  readEmbeddings,
  readRowBlocks,
  type RowBlock,
} from '#diptych/output/embedding-set.js';
import { npyHeader, type NpyType } from '#diptych/output/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const dim = 3;

function save(name: string, type: NpyType, data: Float32Array | Uint16Array): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(
    file,
    Buffer.concat([npyHeader(type, [data.length / dim, dim]), new Uint8Array(data.buffer)]),
  );
  return file;
}

const counting = (from: number, rows: number): Float32Array =>
  Float32Array.from({ length: rows * dim }, (_, i) => from * dim + i);

// Ten rows in parts of 4, 0, 5 and 1; part 10 comes after part 2.
for (const [part, from, rows] of [
  [0, 0, 4],
  [1, 4, 0],
  [2, 4, 5],
  [10, 9, 1],
] as const) {
  save(`run/img_emb/img_emb_${String(part)}.npy`, '<f4', counting(from, rows));
}

test.each([1, 3, 4, 7, 10, 99])('blocks of %i rows, whatever the parts are', async (rows) => {
  const set = await openEmbeddings(join(folder, 'run'));
  expect([set.rows, set.dim]).toEqual([10, dim]);
  for (const read of [readBlocks, readRowBlocks]) {
    const sizes: number[] = [];
    for await (const { data, rows: count, first } of read(set, rows)) {
      expect(data).toEqual(counting(first, count));
      sizes.push(count);
    }
    expect(sizes).toHaveLength(Math.ceil(10 / rows));
    expect(sizes.reduce((sum, count) => sum + count, 0)).toBe(10);
  }
  expect(await readEmbeddings(set)).toEqual({ data: counting(0, 10), rows: 10, dim });
});

test('halves stay halves for similarity, unless other parts are floats', async () => {
  const halves = Uint16Array.from({ length: 4 * dim }, (_, i) => 0x3c00 + i);
  const file = save('half/img_emb/img_emb_0.npy', '<f2', halves);
  const blocks: RowBlock[] = [];
  for await (const block of readRowBlocks(await openEmbeddings(file), 3)) {
    blocks.push({ ...block, data: block.data.slice() });
  }
  expect(blocks).toEqual([
    { data: halves.slice(0, 3 * dim), rows: 3, dim, dtype: 'float16', first: 0 },
    { data: halves.slice(3 * dim), rows: 1, dim, dtype: 'float16', first: 3 },
  ]);
  save('half/img_emb/img_emb_1.npy', '<f4', counting(0, 1));
  const mixed = await openEmbeddings(join(folder, 'half'));
  for await (const block of readRowBlocks(mixed, 9)) {
    expect(block.dtype).toBe('float32');
    expect(block.data[1]).toBe(1 + 2 ** -10);
    expect(block.data).toEqual((await readEmbeddings(mixed)).data);
  }
});

test('a part that is shorter than its header says is told before anything is read', async () => {
  const file = save('short/img_emb/img_emb_0.npy', '<f4', counting(0, 5));
  truncateSync(file, 140);
  await expect(openEmbeddings(join(folder, 'short'))).rejects.toMatchObject({
    code: 'OUTPUT_INVALID',
    input: file,
  });
});
