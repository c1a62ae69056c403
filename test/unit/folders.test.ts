import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { makeFolder } from '#diptych/folders.js';
import { temporaryFolder } from '../support/temporary.js';

const root = temporaryFolder();
const onLinux = process.platform === 'linux' ? test : test.skip;

test('makes a folder and all above it, once, whoever else does', async () => {
  const deep = join(root, 'a', 'b', 'c');
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
  expect(statSync(deep).isDirectory()).toBe(true);
  await makeFolder(deep);
  await makeFolder(join(root, 'a', 'b', '..', 'd', '.'));
  expect(existsSync(join(root, 'a', 'd'))).toBe(true);
  symlinkSync(deep, join(root, 'link'));
  await makeFolder(join(root, 'link'));
  await makeFolder(join(root, 'link', 'e'));
  expect(existsSync(join(deep, 'e'))).toBe(true);
  await makeFolder('/');
});

test('a file in the way is told', async () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
  await expect(makeFolder(join(root, 'dangling'))).rejects.toMatchObject({ code: 'EEXIST' });
});

onLinux('where the system makes no folders, it ends', async () => {
  await expect(makeFolder('/proc/none/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
});
