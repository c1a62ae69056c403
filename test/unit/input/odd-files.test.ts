import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import type { InputItem } from '#diptych/input/item.js';
import { lineItems } from '#diptych/input/lines.js';
import { openInputs } from '#diptych/input/open.js';
import { csvItems, jsonlItems } from '#diptych/input/tables.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const unlessWindows = process.platform === 'win32' ? test.skip : test;
const onLinux = process.platform === 'linux' ? test : test.skip;

async function all(items: AsyncIterable<InputItem>): Promise<InputItem[]> {
  const found: InputItem[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function open(inputs: string[]): Promise<InputItem[]> {
  const options = { columns: { image: null, text: null }, stdin: Readable.from([]), scratch: tmpdir() };
  return all(openInputs(inputs, { kind: 'auto', ...options }));
}

const errorOf = (item: InputItem | undefined): string | null =>
  item?.shape === 'broken' ? `${item.error.code} ${item.error.message.slice(item.name.length + 2)}` : null;

unlessWindows('pipes and devices named like images are reported and never opened', async () => {
  const folder = join(root, 'odd');
  mkdirSync(folder);
  writeFileSync(join(folder, 'good.png'), PNG);
  const pipe = join(folder, 'pipe.jpg');
  execFileSync('mkfifo', [pipe, join(folder, 'other')]);
  symlinkSync('/dev/zero', join(folder, 'zero.jpg'));
  symlinkSync('pipe.jpg', join(folder, 'link.jpg'));
  symlinkSync('loop.jpg', join(folder, 'loop.jpg'));
  const items = await open([folder]);
  const odd = 'INPUT_UNREADABLE is not a regular file';
  expect(items.map((item) => [item.name.slice(folder.length + 1), errorOf(item)])).toEqual([
    ['good.png', null],
    ['link.jpg', odd],
    // The decoder is told of it, and fails.
    ['loop.jpg', null],
    ['pipe.jpg', odd],
    ['zero.jpg', odd],
  ]);
  for (const input of [pipe, join(folder, 'link.jpg'), '/dev/zero'])
    expect((await open([input])).map(errorOf)).toEqual([odd]);
});

onLinux('a name that is no UTF-8 is an image like any other; two that look alike are two', async () => {
  const folder = Buffer.concat([Buffer.from(join(root, 'b')), Buffer.from([0xff])]);
  mkdirSync(folder);
  const put = (name: number[], bytes: Uint8Array): void => {
    writeFileSync(Buffer.concat([folder, Buffer.from('/n'), Buffer.from(name), Buffer.from('.png')]), bytes);
  };
  put([0xfe], PNG);
  put([0xe9], PNG.subarray(0, 50));
  put([], PNG.subarray(0, 40));
  const items = await open([root]);
  const found = items.filter(({ name }) => name.includes('b\uFFFD'));
  expect(found.map((item) => ('image' in item ? item.image.length : errorOf(item)))).toEqual([
    40,
    50,
    PNG.length,
  ]);
  expect((await open([join(root, 'b\uFFFD')])).map(errorOf)).toEqual([
    expect.stringContaining('if its name is no UTF-8, give the folder it is in'),
  ]);
});

test('a list or table that cannot be read to its end is an item of its own, not a crash', async () => {
  const file = join(root, 'folder.csv');
  mkdirSync(file);
  const table = { kind: 'auto', columns: { image: null, text: null } } as const;
  const broken = [{ shape: 'broken', name: file, error: { code: 'INPUT_UNREADABLE' } }];
  expect(await all(csvItems(file, ',', table))).toMatchObject(broken);
  expect(await all(jsonlItems(file, table))).toMatchObject(broken);
  expect(await all(lineItems(file, createReadStream(file), 'auto', null))).toMatchObject(broken);
});
