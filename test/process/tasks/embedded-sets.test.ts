import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { npyHeader } from '#diptych/output/npy.js';
import { diptych as run } from '../../support/command.js';
import { readNpy } from '../../support/npy.js';
import { sampleRows } from '../../support/sample-rows.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const diptych = (...args: string[]): ReturnType<typeof run> => run(args);
const parse = (text: string): unknown => JSON.parse(text);

test('kmeans and adapt on sets on disk', async () => {
  const write = async (name: string, rows: number, dim: number, data: Float32Array): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, Buffer.concat([npyHeader('<f4', [rows, dim]), new Uint8Array(data.buffer)]));
    return file;
  };
  const points = Float32Array.from(
    { length: 400 },
    (_, i) => (Math.floor(i / 4) % 2 === i % 2 ? 3 : 0) + (i % 7) / 50,
  );
  const images = await write('images.npy', 100, 4, points);
  const centroids = join(folder, 'centroids.npy');
  const labels = join(folder, 'labels.npy');
  const ran = await diptych(
    'kmeans',
    images,
    '--clusters',
    '2',
    '--out',
    centroids,
    '--labels',
    labels,
    '--json',
  );
  expect(JSON.parse(ran.stdout)).toMatchObject({ rows: 100, clusters: 2 });
  expect(readNpy(centroids).shape).toEqual([2, 4]);
  expect(new Set(readNpy(labels).data).size).toBe(2);

  const texts = await write('texts.npy', 2, 4, Float32Array.of(0, 1, 0, 0, 1, 0, 0, 0));
  const rows = join(folder, 'rows.txt');
  await writeFile(rows, Array.from({ length: 100 }, (_, row) => String(row % 2)).join('\n'));
  const adapter = join(folder, 'adapter.json');
  const trained = await diptych(
    'adapt',
    '--images',
    images,
    '--texts',
    texts,
    '--labels',
    rows,
    '--out',
    adapter,
    '--json',
  );
  expect(JSON.parse(trained.stdout)).toMatchObject({ rows: 100, accuracy: 1 });
  expect(JSON.parse(await readFile(adapter, 'utf8'))).toMatchObject({ kind: 'residual', dim: 4 });
  expect((await diptych('kmeans', images, '--clusters', '101', '--out', centroids)).stderr).toMatch(
    /BAD_INPUT/,
  );
});

test('probe, loss and arithmetic on sets on disk', async () => {
  const rows = await sampleRows(folder, 'rows.npy', 90, 12);
  const labels = join(folder, 'classes.txt');
  await writeFile(labels, Array.from({ length: 90 }, (_, row) => String(row % 3)).join('\n'));
  const both = ['--train', rows, '--train-labels', labels, '--test', rows, '--test-labels', labels];
  const swept = await diptych('probe', ...both, '--sweep', '--json');
  expect(parse(swept.stdout)).toMatchObject({ accuracy: 1 });
  const few = await diptych('probe', ...both, '--shots', '1,2', '--seeds', '2', '--json');
  expect(parse(few.stdout)).toMatchObject({ fewShot: [{ shots: 1, method: 'probe' }, { shots: 2 }] });
  await writeFile(labels, '0\n1\n');
  expect((await diptych('probe', ...both)).stderr).toMatch(/DIMENSION_MISMATCH/);
  const many = await sampleRows(folder, 'many.npy', 300, 12);
  const loss = await diptych(
    ...['loss', many, '--texts', many, '--gradients', join(folder, 'slopes'), '--json', '--progress', 'json'],
  );
  expect(parse(loss.stdout)).toMatchObject({ kind: 'clip', pairs: 300 });
  // Four passes over blocks of 96 rows.
  expect(loss.stderr.trim().split('\n').at(-1)).toMatch(/"progress":"loss","done":16,"total":16/);
  expect(readNpy(join(folder, 'slopes', 'images.npy')).shape).toEqual([300, 12]);
  const moved = join(folder, 'moved.npy');
  const along = await sampleRows(folder, 'along.npy', 1, 12);
  expect((await diptych('arithmetic', 'move', rows, '--along', along, '--out', moved)).code).toBe(0);
  const change = [
    '--images-before',
    rows,
    '--images-after',
    moved,
    '--texts-before',
    rows,
    '--texts-after',
    moved,
  ];
  const found = parse((await diptych('arithmetic', 'change', ...change, '--json')).stdout) as {
    mean: number;
  };
  expect(found.mean).toBeCloseTo(1, 5);
}, 120_000);
