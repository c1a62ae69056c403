import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fillMarkers } from '#diptych/bench/report/markdown.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diptych-fill-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('tables replace what is between the lines, and a mention of the marker is no line', async () => {
  const page = join(folder, 'page.md');
  const before = 'The lines `<!-- bench:tables -->` mark it.\n\n<!-- bench:tables -->\nold\n';
  await writeFile(page, `${before}<!-- /bench:tables -->\nbelow\n`);
  await fillMarkers(page, 'tables', 'new\n');
  expect(await readFile(page, 'utf8')).toBe(
    'The lines `<!-- bench:tables -->` mark it.\n\n<!-- bench:tables -->\nnew\n\n<!-- /bench:tables -->\nbelow\n',
  );
  await expect(fillMarkers(page, 'ratios', 'new')).rejects.toMatchObject({ code: 'BAD_INPUT' });
});
