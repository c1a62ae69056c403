import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { encode } from 'fast-png';
import { openCifar10, openImageFolder, openMnist } from '#diptych/tasks/datasets.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();

describe('labelled sets in the formats of their packages', () => {
  test('CIFAR-10 sheets: a line is an image', async () => {
    const data = Uint8Array.from({ length: 20 * 1024 * 3 }, (_, i) => (i * 7 + Math.floor(i / 3072)) % 256);
    await writeFile(
      join(folder, 'test_batch.png'),
      encode({ width: 1024, height: 20, channels: 3, depth: 8, data }, { zlib: { level: 1 } }),
    );
    await writeFile(
      join(folder, 'test_lables.json'),
      JSON.stringify(Array.from({ length: 20 }, (_, i) => i % 10)),
    );
    const set = openCifar10(folder);
    expect([set.rows, set.classes.length, set.labels[13]]).toEqual([20, 10, 3]);
    const { decode } = await import('fast-png');
    const bytes = set.image(19);
    if (typeof bytes === 'string') throw new Error('expected bytes');
    const image = decode(bytes);
    expect([image.width, image.height, image.channels]).toEqual([32, 32, 3]);
    expect(Array.from(image.data)).toEqual(Array.from(data.subarray(19 * 3072)));
    expect(() => openCifar10(join(folder, 'none'))).toThrow(
      expect.objectContaining({ code: 'INPUT_NOT_FOUND' }),
    );
  });
  test('MNIST: shares of white, one file a digit', async () => {
    await mkdir(join(folder, 'src', 'digits'), { recursive: true });
    for (let digit = 0; digit < 10; digit++) {
      const data = Array.from({ length: 784 * (digit + 1) }, (_, i) => (i % 784 === digit ? 1 : 0));
      await writeFile(join(folder, 'src', 'digits', `${String(digit)}.json`), JSON.stringify({ data }));
    }
    const set = openMnist(folder);
    expect([set.rows, set.labels[0], set.labels[1], set.labels[54]]).toEqual([55, 0, 1, 9]);
    const { decode } = await import('fast-png');
    const bytes = set.image(2);
    if (typeof bytes === 'string') throw new Error('expected bytes');
    const { data } = decode(bytes);
    expect([data[0], data[1], data[2]]).toEqual([0, 255, 0]);
  });
  test('a folder a class, with names of its own', async () => {
    for (const name of ['b_cat', 'a_dog']) {
      await mkdir(join(folder, 'classes', name), { recursive: true });
      await writeFile(join(folder, 'classes', name, 'x.png'), '');
    }
    const set = await openImageFolder(join(folder, 'classes'));
    expect([set.classes, Array.from(set.labels)]).toEqual([
      ['a dog', 'b cat'],
      [0, 1],
    ]);
    await writeFile(join(folder, 'classes', 'classnames.txt'), 'hound\n');
    await expect(openImageFolder(join(folder, 'classes'))).rejects.toMatchObject({
      code: 'DIMENSION_MISMATCH',
    });
    await expect(openImageFolder(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
  });
});
