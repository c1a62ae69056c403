import { mkdirSync, writeFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { InputItem, InputKind } from '#diptych/input/item.js';
import { openInputs } from '#diptych/input/open.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3);

async function items(input: string, kind: InputKind = 'auto'): Promise<InputItem[]> {
  const found: InputItem[] = [];
  const options = { kind, columns: { image: null, text: null }, stdin: Readable.from([]), scratch: tmpdir() };
  for await (const item of openInputs([input], options)) found.push(item);
  return found;
}

function table(file: string, withImages: boolean): void {
  const columnData = [
    { name: 'url', data: ['https://x/1.jpg', 'https://x/2.jpg'], type: 'STRING' as const },
    { name: 'caption', data: ['one', 'two'], type: 'STRING' as const },
    { name: 'status', data: ['success', 'failed_to_download'], type: 'STRING' as const },
    { name: 'error_message', data: [null, 'HTTP Error 404'], type: 'STRING' as const },
    ...(withImages ? [{ name: 'jpg', data: [JPEG, null], type: 'BYTE_ARRAY' as const }] : []),
  ];
  writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData })));
}

test('files: an image with its .json is a pair with the columns of the .json', async () => {
  const folder = join(root, 'files');
  mkdirSync(join(folder, '00000'), { recursive: true });
  const at = (name: string): string => join(folder, '00000', name);
  for (const key of ['000000000', '000000001', '000000002']) writeFileSync(at(`${key}.jpg`), JPEG);
  writeFileSync(at('000000000.json'), '{"caption":"in the json","url":"https://x/1.jpg","width":3}');
  writeFileSync(at('000000000.txt'), 'a cat\n');
  writeFileSync(at('000000001.json'), '{"url":"https://x/2.jpg"}');
  writeFileSync(at('000000002.txt'), '0 0.5 0.5 1 1');
  table(join(folder, '00000.parquet'), false);
  writeFileSync(join(folder, '00000_stats.json'), '{}');
  const { dev, ino } = statSync(folder);
  const listed = { path: folder, dev, ino };
  expect(await items(folder)).toEqual([
    {
      listed,
      name: at('000000000.jpg'),
      shape: 'pair',
      image: at('000000000.jpg'),
      text: 'a cat',
      cells: {
        caption: 'in the json',
        url: 'https://x/1.jpg',
        width: 3,
        image_path: at('000000000.jpg'),
        text: 'a cat',
      },
    },
    {
      listed,
      name: at('000000001.jpg'),
      shape: 'image',
      image: at('000000001.jpg'),
      cells: { url: 'https://x/2.jpg', image_path: at('000000001.jpg') },
    },
    // A .txt alone may be anything (the boxes of a detector): it makes no pair.
    expect.objectContaining({ shape: 'image', image: at('000000002.jpg') }),
  ]);
  expect((await items(folder, 'image')).map(({ shape }) => shape)).toEqual(['image', 'image', 'image']);
});

test('parquet: the bytes win over the URL; what could not be fetched says why', async () => {
  const folder = join(root, 'parquet');
  mkdirSync(folder);
  table(join(folder, '00000.parquet'), true);
  table(join(folder, 'no-images.parquet'), false);
  const [first, second, ...more] = await items(folder);
  expect(more).toEqual([]);
  expect(first).toMatchObject({ shape: 'pair', text: 'one', cells: { url: 'https://x/1.jpg' } });
  expect(first?.shape === 'pair' && Array.from(first.image as Uint8Array)).toEqual(Array.from(JPEG));
  expect(second).toMatchObject({ shape: 'broken', meant: 'pair' });
  expect(second?.shape === 'broken' && second.error.message).toContain(
    '(failed_to_download: HTTP Error 404)',
  );
});

test('webdataset: the parquet beside a tar is its list, not another input', async () => {
  const folder = join(root, 'webdataset');
  mkdirSync(folder);
  writeFileSync(join(folder, '00000.tar'), Buffer.alloc(1024));
  table(join(folder, '00000.parquet'), true);
  expect(await items(folder)).toEqual([]);
});
