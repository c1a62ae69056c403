import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { decode } from 'fast-png';
import { npyHeader } from '#diptych/output/npy.js';
import { diptych, json, repository } from '../../support/command.js';
import { readNpy } from '../../support/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const photos = join(repository, 'examples', 'photos');
const cat = join(photos, 'cat.jpg');
const texts = join(repository, 'examples', 'texts.txt');

describe('similarity and search', () => {
  test('matrix to .npy, .csv and .png; top-k and threshold as JSON', async () => {
    const [a, b] = [join(root, 'img'), join(root, 'txt')];
    await json(['embed', photos, '--out', a]);
    await json(['embed', texts, '--out', b]);
    expect(await json(['similarity', a, b, '--out', join(root, 'm.npy')])).toEqual({ shape: [6, 6] });
    const { data, shape } = readNpy(join(root, 'm.npy'));
    expect(shape).toEqual([6, 6]);
    await json(['similarity', a, b, '--out', join(root, 'm.csv')]);
    const csv = readFileSync(join(root, 'm.csv'), 'utf8').trim().split('\n');
    expect(csv.map((line) => line.split(',').map(Number))[2]).toEqual(
      Array.from(data.subarray(12, 18), Number),
    );
    await json(['similarity', photos, texts, '--out', join(root, 'm.png')]);
    expect(decode(readFileSync(join(root, 'm.png'))).width).toBeGreaterThan(100);

    const { top } = (await json(['similarity', a, b, '--top', '2'])) as {
      top: { index: number; score: number }[][];
    };
    expect(top).toHaveLength(6);
    // examples/photos in the order of names: astronaut, cat, coffee, ...; the first text is about the cat.
    expect(top[1]?.[0]?.index).toBe(0);
    expect(top[2]?.[0]?.index).toBe(1);
    // A part of a set is a set.
    const vectors = join(b, 'text_emb', 'text_emb_0.npy');
    expect(await json(['similarity', a, vectors, '--top', '2'])).toEqual({ shape: [6, 6], top });
    const far = (await json(['similarity', a, b, '--threshold', '0.4'])) as { top: { score: number }[][] };
    expect(far.top.flat().every(({ score }) => score >= 0.4)).toBe(true);

    // The same matches as a file: lines, or records of NumPy.
    const file = (ending: string): string => join(root, `matches.${ending}`);
    const lines = top.flatMap((hits, row) =>
      hits.map(({ index, score }, at) => ({ row, rank: at + 1, match: index, score })),
    );
    for (const b_ of [b, vectors]) {
      await json(['similarity', a, b_, '--top', '2', '--matches', file('jsonl')]);
      const written = readFileSync(file('jsonl'), 'utf8').trim().split('\n');
      expect(written.map((line) => JSON.parse(line) as unknown)).toEqual(lines);
    }
    await json(['similarity', photos, b, '--top', '2', '--matches', file('csv')]);
    const table = readFileSync(file('csv'), 'utf8').trim().split('\n');
    expect(table[0]).toBe('row,rank,match,score,row_name,match_name');
    expect(table[3]).toMatch(/^1,1,0,[\d.]+,.*cat\.jpg,0$/);
    await json(['similarity', a, b, '--top', '2', '--matches', file('npy')]);
    const records = readFileSync(file('npy'));
    expect(records.toString('latin1', 10, 128)).toContain(
      "[('row', '<i4'), ('rank', '<i4'), ('match', '<i4'),",
    );
    expect(records.length).toBe(192 + 12 * 16);
    expect([0, 4, 8].map((at) => records.readInt32LE(records.length - 16 + at))).toEqual([
      5,
      2,
      top[5]?.[1]?.index,
    ]);
    expect(await diptych(['similarity', a, b, '--matches', file('csv')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--top or --threshold'),
    });

    const hits = (await json(['search', 'a cup of coffee', '--in', a, '--top', '2'])) as Record<
      string,
      unknown
    >[];
    expect(hits).toHaveLength(2);
    expect(hits[0]).toMatchObject({ rank: 1, row: 2, image_path: join(photos, 'coffee.jpg') });
    // A file of vectors has no run that names its model, and no names for its rows.
    const part = join(a, 'img_emb', 'img_emb_0.npy');
    const bare = (await json(['search', 'a cup of coffee', '--in', part, '--top', '2'])) as typeof hits;
    expect(bare.map(({ row, score }) => [row, score])).toEqual(hits.map(({ row, score }) => [row, score]));
    const same = (await json(['search', cat, '--in', a, '--top', '1'])) as { score: number; row: number }[];
    expect(same[0]).toMatchObject({ row: 1 });
    expect(same[0]?.score).toBeCloseTo(1, 5);
  });

  test('dedup groups the same photo under two names', async () => {
    const folder = join(root, 'twice');
    const list = join(root, 'twice.txt');
    const copy = join(root, 'copy-of-cat.jpg');
    writeFileSync(copy, readFileSync(cat));
    writeFileSync(list, [cat, join(photos, 'coffee.jpg'), copy].join('\n'));
    await json(['embed', list, '--out', folder]);
    const keepFile = join(root, 'keep.txt');
    const found = await json(['dedup', folder, '--threshold', '0.999', '--keep', keepFile]);
    const group = [
      { row: 0, image_path: cat },
      { row: 2, image_path: copy },
    ];
    expect(found).toEqual({ rows: 3, threshold: 0.999, groups: [group], surplus: 1, keep: [0, 1] });
    expect(readFileSync(keepFile, 'utf8')).toBe(`${cat}\n${join(photos, 'coffee.jpg')}\n`);
  });

  test('a set larger than 4 GiB streams past', async () => {
    // It takes no room on disk: all rows but the last are zeros.
    const [rows, dim] = [1_100_000, 4096];
    const [large, one] = [join(root, 'large.npy'), join(root, 'one.npy')];
    const header = Buffer.from(
      Buffer.from(npyHeader('|u1', [rows, dim]))
        .toString('latin1')
        .replace('|u1', '|i1'),
      'latin1',
    );
    writeFileSync(large, header);
    truncateSync(large, header.length + rows * dim);
    const handle = openSync(large, 'r+');
    writeSync(
      handle,
      Int8Array.from({ length: dim }, (_, i) => i % 100),
      0,
      dim,
      header.length + (rows - 1) * dim,
    );
    closeSync(handle);
    const query = Float32Array.from({ length: dim }, (_, i) => i % 100);
    writeFileSync(one, Buffer.concat([npyHeader('<f4', [1, dim]), new Uint8Array(query.buffer)]));
    const last = [[{ index: rows - 1, score: 1 }]];
    expect(await json(['similarity', one, large, '--threshold', '0.5'])).toEqual({
      shape: [1, rows],
      top: last,
    });
  });

  test('a long table has columns; a value that is not finite is told with its file', async () => {
    const rows = new Float32Array(2400);
    rows.forEach((_, at) => {
      rows[at] = Math.sin(at + 1);
    });
    const [good, bad] = [join(root, 'good.npy'), join(root, 'bad.npy')];
    const start = npyHeader('<f4', [1200, 2]);
    writeFileSync(good, Buffer.concat([start, Buffer.from(rows.buffer)]));
    const { code, stdout } = await diptych(['similarity', good, good, '--top', '1', '-q']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1201);
    expect(lines[0]).toMatch(/^ row {2}rank {2}match {2}score$/);
    expect(lines[1200]).toMatch(/^1199 {5}1 +\d+ {2}1\.000$/);
    rows[11] = NaN;
    writeFileSync(bad, Buffer.concat([start, Buffer.from(rows.buffer)]));
    for (const given of [
      [bad, good, '--top', '1'],
      [good, bad, '--top', '1'],
      [good, bad, '--threshold', '0.5'],
      [bad, good, '--out', join(root, 'never.npy')],
    ]) {
      const { code: failed, stderr } = await diptych(['similarity', ...given]);
      expect([failed, stderr]).toEqual([2, expect.stringContaining(`${bad}: row 5 holds a NaN`)]);
    }
  });

  test('rows of different length are told as such', async () => {
    const other = join(root, 'other.npy');
    writeFileSync(other, Buffer.concat([npyHeader('<f4', [1, 3]), Buffer.alloc(12, 1)]));
    const { code, stderr } = await diptych(['similarity', other, texts]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/DIMENSION_MISMATCH: .*other\.npy has rows of 3 values/);
    const searched = await diptych(['search', 'a cup', '--in', other]);
    expect(searched.code).toBe(2);
    expect(searched.stderr).toMatch(
      /DIMENSION_MISMATCH: .*the query has rows of \d+ values and .*other\.npy of 3/,
    );
  });
});
