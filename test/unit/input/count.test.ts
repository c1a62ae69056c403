import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { pack } from 'tar-stream';
import { countInputs } from '#diptych/input/count.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const { signal } = new AbortController();

async function tar(file: string, names: readonly string[]): Promise<void> {
  const archive = pack();
  for (const name of names) archive.entry({ name }, 'x'.repeat(700));
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) {
    const bytes: unknown = chunk;
    if (bytes instanceof Uint8Array) chunks.push(bytes);
  }
  writeFileSync(file, Buffer.concat(chunks));
}

test('folders, lists, tables and tars are counted without being read as images', async () => {
  const folder = join(root, 'photos');
  mkdirSync(join(folder, 'below'), { recursive: true });
  for (const name of ['a.jpg', 'b.png', 'below/c.webp', 'notes.md']) writeFileSync(join(folder, name), '');
  writeFileSync(join(root, 'list.txt'), 'one\ntwo\nthree\n');
  writeFileSync(join(root, 'table.csv'), 'url,caption\na,b\nc,d\n');
  await tar(join(root, '00.tar'), ['1.jpg', '1.txt', '2.jpg', '2.json', '3.png']);
  const count = (...inputs: string[]): Promise<number | null> => countInputs(inputs, 'auto', signal);
  expect(await count(folder)).toBe(3);
  expect(await count(join(root, 'list.txt'), join(root, 'table.csv'))).toBe(5);
  expect(await count(join(root, '00.tar'))).toBe(3);
  expect(await count(join(root, '{00..00}.tar'), 'https://example.org/x.jpg', 'missing.jpg')).toBe(5);
});

test('what cannot be told is null', async () => {
  writeFileSync(join(root, 'x.tar.gz'), 'x');
  expect(await countInputs(['-'], 'auto', signal)).toBeNull();
  expect(await countInputs([join(root, 'x.tar.gz')], 'auto', signal)).toBeNull();
});
