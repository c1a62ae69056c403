import { expect, test } from '@jest/globals';
import type { Cells } from '#diptych/output/cells.js';
import type { Tower } from '#diptych/output/layout.js';
import { ParquetTable } from '#diptych/output/parquet-table.js';
import { parquetBytes } from '../../support/parquet.js';

const DIM = 3;

const rowsOf = (count: number): Cells[] =>
  Array.from({ length: count }, (_, i) => ({
    image_path: `${String(i)}.jpg`,
    number: BigInt(i),
    score: i % 7 === 0 ? null : i / 3,
    ...(i % 5 === 0 ? { note: i % 2 === 0 } : {}),
  }));

const floatsOf = (count: number, factor: number): Float32Array =>
  Float32Array.from({ length: count * DIM }, (_, i) => Math.fround(i * factor));

function filled(count: number, step: number): ParquetTable {
  const table = new ParquetTable();
  const [cells, image, text] = [rowsOf(count), floatsOf(count, 0.1), floatsOf(count, 0.7)];
  for (let at = 0; at < count; at += step) {
    const part = (data: Float32Array): Float32Array => data.slice(at * DIM, (at + step) * DIM);
    table.append(cells.slice(at, at + step), [
      ['image', part(image)],
      ['text', part(text)],
    ]);
  }
  return table;
}

const dims: [Tower, number][] = [
  ['image', DIM],
  ['text', DIM],
];

test.each([0, 1, 128, 129, 3000])(
  'the file of %d rows has the bytes of one written at once',
  async (count) => {
    const table = filled(count, 50);
    expect(table.rows).toBe(count);
    const bytes = await table.finish(dims);
    const vectors = [
      { name: 'image_embedding', data: [floatsOf(count, 0.1)], dim: DIM },
      { name: 'text_embedding', data: [floatsOf(count, 0.7)], dim: DIM },
    ];
    expect(Buffer.compare(Buffer.concat(bytes), Buffer.from(parquetBytes(rowsOf(count), vectors)))).toBe(0);
  },
);

test('several tables share the thread; one that is dropped leaves the others alone', async () => {
  const [first, second, third] = [filled(400, 64), filled(300, 64), filled(200, 64)];
  second.drop();
  const [one, three] = await Promise.all([first.finish(dims), third.finish(dims)]);
  expect(Buffer.concat(one).equals(Buffer.concat(await filled(400, 400).finish(dims)))).toBe(true);
  expect(Buffer.concat(three).equals(Buffer.concat(await filled(200, 200).finish(dims)))).toBe(true);
  await expect(second.finish(dims)).rejects.toThrow(/0 of 300 rows/);
});
