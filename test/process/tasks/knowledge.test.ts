import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { diptych as run } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const diptych = (...args: string[]): ReturnType<typeof run> => run(args);
const parse = (text: string): unknown => JSON.parse(text);

test('knowledge: prompts that classify takes', async () => {
  const known = join(folder, 'known.json');
  await writeFile(known, JSON.stringify([{ classname: 'frog', def_wiki: 'a small tailless amphibian.' }]));
  const out = join(folder, 'prompts.json');
  const ran = await diptych(
    'knowledge',
    '--labels',
    'frog,cat',
    '--knowledge',
    known,
    '--out',
    out,
    '--json',
  );
  expect(parse(ran.stdout)).toEqual({ labels: 2, covered: 1, freeTexts: 0 });
  expect(parse(await readFile(out, 'utf8'))).toEqual({
    frog: ['a photo of a frog. ; frog , a small tailless amphibian .'],
    cat: ['a photo of a cat.'],
  });
  expect((await diptych('knowledge', '--labels', 'frog')).code).toBe(2);
});
