import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Listing, type Entry } from '#diptych/input/listing.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const scratch = join(root, 'scratch');
mkdirSync(scratch);

/** A folder of files with names that sort differently by number, case, length and alphabet. */
function makeFolder(name: string, count: number): string {
  const folder = join(root, name);
  mkdirSync(folder);
  for (let i = 0; i < count; i++) {
    const stem = ['b', 'B', 'ä', '猫', '🐈', '\uffee'][i % 6] ?? '';
    writeFileSync(join(folder, `${stem}${String((i * 7919) % 1000)}-${String(i)}.jpg`), '');
  }
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, '.hidden'), '');
  return folder;
}

async function entriesOf(listing: Listing): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of listing.entries()) entries.push(entry);
  return entries;
}

const sorted = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

describe('Listing', () => {
  const folder = makeFolder('many', 500);

  test.each([
    ['in memory', { block: 16, blocks: 64 }, true],
    ['through the file, with a rest in memory', { block: 16, blocks: 4 }, false],
    ['a run for each block', { block: 1, blocks: 1 }, false],
    ['one block', { block: 4096, blocks: 64 }, true],
  ])('code unit order: %s', async (_, limits, inMemory) => {
    const listing = await Listing.read(folder, scratch, limits);
    expect(listing.inMemory).toBe(inMemory);
    const entries = await entriesOf(listing);
    expect(entries.map(({ name }) => name)).toEqual(sorted(folder));
    expect(entries.filter(({ kind }) => kind === 'folder')).toEqual([{ name: 'sub', kind: 'folder' }]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test('tells what lies beside; of a folder that was spilled, only what cannot be there', async () => {
    const small = await Listing.read(folder, scratch);
    expect(small.has('b0-0.jpg')).toBe(true);
    expect(small.has('nothing.jpg')).toBe(false);
    const large = await Listing.read(folder, scratch, { block: 16, blocks: 4 });
    expect(large.has('b0-0.jpg')).toBeNull();
    expect(large.has('b0-0.json')).toBe(false);
    expect(await entriesOf(large)).toHaveLength(501);
  });

  test('an empty folder', async () => {
    mkdirSync(join(root, 'empty'));
    expect(await entriesOf(await Listing.read(join(root, 'empty'), scratch))).toEqual([]);
  });

  test('no room for the names ends it with OUTPUT_FAILED; a folder that is not there throws as it is', async () => {
    const read = Listing.read(folder, join(root, 'nowhere'), { block: 16, blocks: 2 });
    await expect(read).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    await expect(Listing.read(join(root, 'nowhere'), scratch)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
