import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repository } from '../../support/command.js';

const demo = readFileSync(join(repository, 'scripts', 'demo.mjs'), 'utf8');
// const { a, b } = await dist('folder/file');
const imports = Array.from(demo.matchAll(/const \{ ([^}]+) \} = await dist\('([^']+)'\)/g), (match) => ({
  file: match[2] ?? '',
  names: (match[1] ?? '').split(', '),
}));

test('the demo takes what it needs from known places', () => {
  expect(imports.map(({ file }) => file)).toContain('index');
  expect(demo.match(/\bdist\(/g)).toHaveLength(imports.length);
});

// No compiler looks at the script, since what it imports is built by it first.
test.each(imports)('$file has what the demo takes from it: $names', async ({ file, names }) => {
  const found = (await import(join(repository, 'dist', `${file}.js`))) as Record<string, unknown>;
  for (const name of names) expect([name, typeof found[name]]).toEqual([name, 'function']);
});
