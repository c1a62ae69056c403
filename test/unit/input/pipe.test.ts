import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { InputItem } from '#diptych/input/item.js';
import { pipeItems, streamItems } from '#diptych/input/pipe.js';
import { repository } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const cat = join(repository, 'examples', 'photos', 'cat.jpg');
const unlessWindows = process.platform === 'win32' ? test.skip : test;

const brief = (item: InputItem): string =>
  item.shape === 'broken'
    ? item.error.code
    : 'text' in item
      ? item.text
      : typeof item.image === 'string'
        ? item.image
        : `${String(item.image.length)} bytes`;

async function brieflyOf(items: AsyncIterable<InputItem>): Promise<string[]> {
  const found: string[] = [];
  for await (const item of items) found.push(brief(item));
  return found;
}

const ofBytes = (...chunks: Uint8Array[]): Promise<string[]> =>
  brieflyOf(streamItems('stdin', Readable.from(chunks, { objectMode: false }), 'auto', undefined));

describe('what comes as a stream', () => {
  const lines = Buffer.from('a cat\na dog\n');

  test('lines, whatever the pieces they come in', async () => {
    expect(await ofBytes(lines)).toEqual(['a cat', 'a dog']);
    expect(await ofBytes(...[...lines].map((byte) => Buffer.from([byte])))).toEqual(['a cat', 'a dog']);
    expect(await ofBytes()).toEqual([]);
  });

  test('an image', async () => {
    const bytes = readFileSync(cat);
    expect(await ofBytes(bytes.subarray(0, 7), bytes.subarray(7))).toEqual([`${String(bytes.length)} bytes`]);
  });

  test('a tar whose first piece is short', async () => {
    const size = Buffer.from(`${(3).toString(8).padStart(11, '0')}\0`);
    const header = Buffer.alloc(512);
    header.write('one.txt');
    size.copy(header, 124);
    header.write('ustar', 257);
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const content = Buffer.alloc(512 + 1024);
    content.write('cat');
    expect(await ofBytes(header.subarray(0, 100), header.subarray(100), content)).toEqual(['cat']);
  });

  test('neither: said, not embedded as lines of noise', async () => {
    expect(await ofBytes(Buffer.from([1, 2, 0, 3, 10, 4]))).toEqual(['INPUT_UNREADABLE']);
  });

  test('once aborted, a silent source is not waited for', async () => {
    const source = new PassThrough();
    const abort = new AbortController();
    const items = streamItems('stdin', source, 'auto', abort.signal);
    const asked = items.next().catch(() => null);
    abort.abort();
    await asked;
    expect(source.destroyed).toBe(true);
  });
});

describe('pipes by name', () => {
  const makePipe = (name: string): string => {
    const pipe = join(root, name);
    execFileSync('mkfifo', [pipe]);
    return pipe;
  };
  const itemsOf = (pipe: string): Promise<string[]> =>
    brieflyOf(pipeItems(pipe, statSync(pipe), 'auto', undefined));

  unlessWindows('a list, and a writer that comes late', async () => {
    const list = join(root, 'list.txt');
    writeFileSync(list, `${cat}\na cat\n`);
    const pipe = makePipe('list');
    spawn('sh', ['-c', 'sleep 0.2; cat "$0" > "$1"', list, pipe], { stdio: 'ignore' });
    expect(await itemsOf(pipe)).toEqual([cat, 'a cat']);
  });

  unlessWindows('named like an image or a table it is none', async () => {
    for (const name of ['a.jpg', 'a.parquet', 'a.csv'])
      expect(await itemsOf(makePipe(name))).toEqual(['INPUT_UNREADABLE']);
  });

  unlessWindows('nobody writes to it: said after a while', async () => {
    expect(await itemsOf(makePipe('silent'))).toEqual(['INPUT_UNREADABLE']);
  });
});
