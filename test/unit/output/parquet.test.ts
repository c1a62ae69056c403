import { describe, expect, test } from '@jest/globals';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { toCell, toJson, type Cells } from '#diptych/output/cells.js';
import { columnNames } from '#diptych/output/parquet.js';
import { parquetBytes } from '../../support/parquet.js';

async function roundTrip(bytes: Uint8Array): Promise<unknown[]> {
  return parquetReadObjects({ file: bytes.slice().buffer });
}

describe('metadata in parquet', () => {
  test('columns come in the order of their first appearance; what a row lacks is null', async () => {
    const rows = [
      { image_path: 'a.jpg', width: 3 },
      { image_path: 'ü🐈.jpg', caption: 'x', width: null },
    ];
    expect(columnNames(rows)).toEqual(['image_path', 'width', 'caption']);
    expect(await roundTrip(parquetBytes(rows))).toEqual([
      { image_path: 'a.jpg', width: 3n, caption: null },
      { image_path: 'ü🐈.jpg', width: null, caption: 'x' },
    ]);
  });

  test('types are the narrowest that hold all values; mixtures are text', async () => {
    const rows = [
      { truth: true, whole: 1n, real: 1, mixed: 1, big: 2n ** 80n, none: null },
      { truth: false, whole: -(2n ** 63n), real: 1.5, mixed: 'one', big: 1n, none: null },
    ];
    expect(await roundTrip(parquetBytes(rows))).toEqual([
      { truth: true, whole: 1n, real: 1, mixed: '1', big: 2 ** 80, none: null },
      { truth: false, whole: -(2n ** 63n), real: 1.5, mixed: 'one', big: 1, none: null },
    ]);
  });

  test('vectors stand beside the metadata as lists of floats', async () => {
    const vectors = [
      { name: 'image_embedding', data: [Float32Array.of(1, 2, 3), Float32Array.of(4)], dim: 2 },
    ];
    expect(await roundTrip(parquetBytes([{ text: 'a' }, { text: 'b' }], vectors))).toEqual([
      { text: 'a', image_embedding: [1, 2] },
      { text: 'b', image_embedding: [3, 4] },
    ]);
  });

  test('vectors are of fixed size for readers that know Arrow: pyarrow read this schema as shown', () => {
    // scripts/open-outputs.py asks pyarrow, pandas, polars and DuckDB themselves.
    const bytes = parquetBytes(
      [{ text: 'a', n: 1n }],
      [{ name: 'image_embedding', data: [Float32Array.of(1, 2)], dim: 2 }],
    );
    const metadata = parquetMetadata(bytes.slice().buffer);
    const kept = metadata.key_value_metadata?.find(({ key }) => key === 'ARROW:schema')?.value ?? '';
    const schema = Buffer.from(kept, 'base64');
    expect(schema.readUInt32LE(0)).toBe(0xffffffff);
    expect(schema.readUInt32LE(4)).toBe(schema.length - 8);
    expect(schema.length % 8).toBe(0);
    expect(kept).toBe(
      '/////2ABAAAUAAAAAAAAAAwAGAAGAAUACAAMAAwAAAAAAQQAGAAAAAAAAAAAAAAAAAAAAAgACAAAAAQACAAAAAQAAAADAAAA9AAAAKwAAAAUAAAAEAAUABAABwAGAAwAAAAIABAAAAAAABAAIAAAACwAAAAEAAAADwAAAGltYWdlX2VtYmVkZGluZwABAAAAJAAAAAAABgAIAAQABgAAAAIAAAAQABQAEAAHAAYADAAAAAgAEAAAAAAAAwAYAAAAIAAAAAQAAAAHAAAAZWxlbWVudAAAAAAAAAAGAAgABgAGAAAAAAABABAAFAAQAAcABgAMAAAACAAQAAAAAAACARQAAAAcAAAABAAAAAEAAABuAAAAAAAAAAgADAAIAAcACAAAAAAAAAFAAAAAEAAUABAABwAGAAwAAAAIABAAAAAAAAUBGAAAABwAAAAEAAAABAAAAHRleHQAAAAAAAAAAAQABAAEAAAA',
    );
    expect(parquetMetadata(parquetBytes([{ text: 'a' }]).slice().buffer).key_value_metadata).toBeUndefined();
  });

  test('more rows than a row group holds', async () => {
    const rows = Array.from({ length: 25_000 }, (_, index) => ({ index }));
    const read = await roundTrip(parquetBytes(rows));
    expect(read).toHaveLength(25_000);
    expect(read[24_999]).toEqual({ index: 24_999n });
  });

  test.each([1, 3, 600])('vectors of %d over several pages and row groups', async (dim) => {
    const count = dim === 600 ? 4000 : 12_000;
    const all = Float32Array.from({ length: count * dim }, (_, i) => Math.fround(i / 7));
    const row = (i: number): number[] => Array.from(all.subarray(i * dim, (i + 1) * dim));
    const vectors = [{ name: 'v', data: [all], dim }];
    const named = parquetBytes(
      Array.from({ length: count }, (_, i) => ({ i: BigInt(i) })),
      vectors,
    );
    expect(parquetMetadata(named.buffer).row_groups.length).toBeGreaterThan(1);
    const read = await roundTrip(named);
    expect(read).toHaveLength(count);
    for (const i of [0, 1, count >> 1, count - 1]) expect(read[i]).toEqual({ i: BigInt(i), v: row(i) });
    // Vectors alone, too.
    const alone = await roundTrip(parquetBytes(new Array<Cells>(count).fill({}), vectors));
    expect(alone).toHaveLength(count);
    expect(alone[count - 1]).toEqual({ v: row(count - 1) });
    // Numbers that are missing are no shorter column.
    expect(() => parquetBytes([{}, {}], [{ name: 'v', data: [all.subarray(0, dim)], dim }])).toThrow(
      /missing/,
    );
  });
});

describe('cells', () => {
  test.each([
    [undefined, null],
    [{ a: [1, 2n] }, '{"a":[1,"2"]}'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(NaN), null],
    [{ bytes: new Uint8Array(3) }, '{"bytes":"<3 bytes>"}'],
  ])('%p becomes %p', (value, cell) => {
    expect(toCell(value)).toBe(cell);
  });

  test('JSON takes what it can hold exactly', () => {
    expect([5n, 2n ** 60n, 1.5, 'x', null].map(toJson)).toEqual([5, '1152921504606846976', 1.5, 'x', null]);
  });
});
