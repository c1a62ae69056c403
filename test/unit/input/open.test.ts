import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { pack } from 'tar-stream';
import type { InputItem, InputKind } from '#diptych/input/item.js';
import { openInputs } from '#diptych/input/open.js';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { parquetBytes } from '../../support/parquet.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

function put(name: string, content: string | Uint8Array): string {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

interface Options {
  readonly kind?: InputKind;
  readonly image?: string;
  readonly text?: string;
  readonly stdin?: string | Uint8Array;
}

async function open(
  inputs: string[],
  { kind = 'auto', image, text, stdin = '' }: Options = {},
): Promise<InputItem[]> {
  const items: InputItem[] = [];
  const stream = Readable.from([Buffer.from(stdin)], { objectMode: false });
  const columns = { image: image ?? null, text: text ?? null };
  for await (const item of openInputs(inputs, { kind, columns, stdin: stream, scratch: tmpdir() }))
    items.push(item);
  return items;
}

/** An item in a few words. */
function brief(item: InputItem): string {
  const at = (path: string): string => (path.startsWith(root) ? relative(root, path) : path);
  if (item.shape === 'broken') return `broken ${at(item.name)} ${item.error.code}`;
  const image =
    'image' in item
      ? typeof item.image === 'string'
        ? at(item.image)
        : `${String(item.image.length)} bytes`
      : '';
  return [item.shape, image, 'text' in item ? item.text : ''].filter((part) => part !== '').join(' ');
}

const briefly = async (inputs: string[], options?: Options): Promise<string[]> =>
  (await open(inputs, options)).map(brief);

async function tar(entries: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(entries)) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('folders, globs and files', () => {
  const photos = join(root, 'photos');
  put('photos/b.jpg', PNG);
  put('photos/a/2.png', PNG);
  put('photos/a/10.png', PNG);
  put('photos/a/notes.txt', 'no image');
  put('photos/a/no-ending', PNG);
  put('photos/.hidden.png', PNG);
  put('photos/Z.gif', 'not a gif, but it claims to be');
  symlinkSync(photos, join(photos, 'a', 'loop'));

  test('a folder: images by content or name, in code unit order, links not round in circles', async () => {
    expect(await briefly([photos])).toEqual([
      'image photos/Z.gif',
      'image photos/a/10.png',
      'image photos/a/2.png',
      'image photos/a/no-ending',
      'image photos/b.jpg',
    ]);
  });

  test('a folder with kind text: the contents of its .txt files', async () => {
    expect(await briefly([photos], { kind: 'text' })).toEqual(['text no image']);
  });

  test('a glob, sorted; one without a match is an input that is not there', async () => {
    expect(await briefly([join(photos, '**/*.png')])).toEqual([
      'image photos/a/10.png',
      'image photos/a/2.png',
    ]);
    expect(await briefly([join(photos, '*.webp')])).toEqual(['broken photos/*.webp INPUT_NOT_FOUND']);
  });

  test('content decides, not the name', async () => {
    expect(await briefly([put('photo.txt', PNG), put('claims.jpg', 'text')])).toEqual([
      'image photo.txt',
      'image claims.jpg',
    ]);
  });

  test('missing files, binary files and other text are named with a code', async () => {
    const binary = put('data.bin', Buffer.from([0, 1, 2, 3]));
    const json = put('config.json', '{\n"a": 1\n}\n');
    expect(await briefly([join(root, 'none.jpg'), binary, json])).toEqual([
      'broken none.jpg INPUT_NOT_FOUND',
      'broken data.bin IMAGE_UNSUPPORTED',
      'broken config.json IMAGE_UNSUPPORTED',
    ]);
  });

  test('a file whose name looks like a glob is taken as a file', async () => {
    expect(await briefly([put('odd [1].png', PNG)])).toEqual(['image odd [1].png']);
  });
});

describe('lists', () => {
  test('a path, URL or text per line; paths beside the list are found', async () => {
    const file = put(
      'lists/all.txt',
      '\uFEFFpic.png\r\n\r\nhttps://example.org/a b.jpg\na cat on a mat\nmissing/x.jpg\n',
    );
    put('lists/pic.png', PNG);
    expect(await briefly([file])).toEqual([
      'image lists/pic.png',
      'image https://example.org/a b.jpg',
      'text a cat on a mat',
      'image missing/x.jpg',
    ]);
  });

  test('kind text takes every line as a text, just as it stands', async () => {
    const file = put('lists/texts.txt', '  pic.png \nhttps://example.org\n');
    expect(await briefly([file], { kind: 'text' })).toEqual(['text   pic.png ', 'text https://example.org']);
  });

  test('standard input: lines, or a tar', async () => {
    expect(await briefly(['-'], { stdin: 'one\ntwo' })).toEqual(['text one', 'text two']);
    expect(await briefly(['-'], { stdin: '' })).toEqual([]);
    const archive = await tar({ 'x.png': PNG, 'x.txt': 'ex' });
    expect(await briefly(['-'], { stdin: archive })).toEqual([`pair ${String(PNG.length)} bytes ex`]);
  });
});

describe('tables', () => {
  test('csv: quotes, the usual columns, own columns kept', async () => {
    const file = put('t/a.csv', 'id,image_path,caption\n1,x.png,"a ""big"", red\ncat"\n2,,none\n3,y.png,\n');
    put('t/x.png', PNG);
    const items = await open([file]);
    expect(items.map(brief)).toEqual([
      'pair t/x.png a "big", red\ncat',
      `broken t/a.csv row 2 INPUT_NOT_FOUND`,
      'pair y.png',
    ]);
    expect(items[0]?.cells).toEqual({
      image_path: 'x.png',
      text: 'a "big", red\ncat',
      id: '1',
      caption: 'a "big", red\ncat',
    });
  });

  test('the columns asked for rule; a wrong name is an error with a hint', async () => {
    const file = put('t/b.csv', 'picture,words\nx.png,hello\n');
    expect(await briefly([file], { image: 'picture' })).toEqual(['image t/x.png']);
    expect(await briefly([file], { text: 'words' })).toEqual(['text hello']);
    await expect(open([file], { text: 'word' })).rejects.toThrow(/did you mean "words"/);
    await expect(open([file])).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  test('tsv with bare quotation marks; base64 images without a header', async () => {
    const plain = put('t/c.tsv', 'text\n5" nails and "nothing\n');
    expect(await briefly([plain])).toEqual(['text 5" nails and "nothing']);
    const base64 = put('t/d.tsv', `7\t${PNG.toString('base64')}\n8\t${PNG.toString('base64url')}\n`);
    const items = await open([base64]);
    expect(items.map(brief)).toEqual([
      `image ${String(PNG.length)} bytes`,
      `image ${String(PNG.length)} bytes`,
    ]);
    expect(items[0]?.cells).toEqual({ image_id: '7' });
  });

  test('jsonl: objects, strings, and lines that are neither', async () => {
    const file = put(
      't/e.jsonl',
      '{"text": "one", "n": 1, "deep": {"a": [1]}}\n"two"\n{oops\n\n3\n{"text": null}\n',
    );
    const items = await open([file]);
    expect(items.map(brief)).toEqual([
      'text one',
      'text two',
      'broken t/e.jsonl line 3 INPUT_UNREADABLE',
      'broken t/e.jsonl line 5 INPUT_UNREADABLE',
      'broken t/e.jsonl line 6 INPUT_NOT_FOUND',
    ]);
    expect(items[0]?.cells).toEqual({ text: 'one', n: 1, deep: '{"a":[1]}' });
  });

  test('parquet: many row groups, each unpacked once, in order; bytes are their own', async () => {
    const count = 10_000;
    const image = Array.from({ length: count }, (_, i) => Uint8Array.of(0xff, 0xd8, 0xff, i & 255, i >> 8));
    const id = Int32Array.from({ length: count }, (_, i) => i);
    const columnData = [
      { name: 'image', data: image, type: 'BYTE_ARRAY' as const },
      { name: 'id', data: id, type: 'INT32' as const },
    ];
    const file = put('groups/f.parquet', Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 1500 })));
    const items = await open([file]);
    expect(items.map(({ cells }) => Number(cells['id']))).toEqual([...id]);
    const numbers = items.map((item) =>
      item.shape === 'image' && item.image instanceof Uint8Array
        ? Buffer.from(item.image).readUInt16LE(3)
        : -1,
    );
    expect(numbers).toEqual([...id]);
  });

  test('parquet: paths and texts, own columns kept; a damaged file is named', async () => {
    const rows = [{ url: 'https://e.org/1.jpg', caption: 'one', similarity: 0.5 }];
    const items = await open([put('t/f.parquet', parquetBytes(rows))]);
    expect(items.map(brief)).toEqual(['pair https://e.org/1.jpg one']);
    expect(items[0]?.cells).toMatchObject({
      image_path: 'https://e.org/1.jpg',
      text: 'one',
      similarity: 0.5,
    });
    const cut = put('t/g.parquet', parquetBytes(rows).subarray(0, 60));
    expect(await briefly([cut])).toEqual(['broken t/g.parquet INPUT_UNREADABLE']);
  });
});

describe('webdataset tars', () => {
  const entries = {
    '000/a.jpg': PNG,
    '000/a.txt': ' a cat \n',
    '000/a.json': '{"width": 5, "caption": "other"}',
    '000/b.png': PNG,
    '000/b.json': '{"caption": "from json"}',
    '000/c.d.txt': 'only text',
    'e.webp': 'not an image',
  };

  test('members of one key are one sample; plain and gzip', async () => {
    const bytes = await tar(entries);
    const expected = [
      `pair ${String(PNG.length)} bytes a cat`,
      `pair ${String(PNG.length)} bytes from json`,
      'image 12 bytes',
    ];
    for (const [name, content] of [
      ['w/plain.tar', bytes],
      ['w/zipped.tar.gz', gzipSync(bytes)],
    ] as const) {
      const items = await open([put(name, content)]);
      expect(items.map(brief)).toEqual(expected);
      expect(items[0]?.cells).toMatchObject({ key: '000/a', text: 'a cat', width: 5 });
      expect(items[0]?.cells['image_path']).toMatch(/a\.jpg$/);
    }
    expect(await briefly([join(root, 'w', 'plain.tar')], { kind: 'text' })).toEqual([
      'text a cat',
      'text from json',
    ]);
  });

  test('a folder of tars', async () => {
    expect(await briefly([join(root, 'w')])).toHaveLength(6);
  });

  test('one that ends early gives what is whole, then one failure', async () => {
    const bytes = readFileSync(join(root, 'w', 'plain.tar'));
    const items = await open([put('cut.tar', bytes.subarray(0, 3900))]);
    const briefs = items.map(brief);
    expect(briefs.at(-1)).toBe('broken cut.tar INPUT_UNREADABLE');
    expect(briefs.length).toBeGreaterThan(1);
  });
});
