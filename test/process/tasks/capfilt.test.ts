import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { local } from '../../support/fixtures.js';
import { diptych as run } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const families = join(local, 'families');
const diptych = (...args: string[]): ReturnType<typeof run> => run(args);
const parse = (text: string): unknown => JSON.parse(text);

test('capfilt: kills leave whole lines, and the same command goes on to the same files', async () => {
  const photos = fileURLToPath(new URL('../../../examples/photos/', import.meta.url));
  const pool = join(folder, 'web.jsonl');
  const pairs = [
    { image: join(photos, 'cat.jpg'), text: 'a cat' },
    { image: join(photos, 'none.jpg'), text: 'nothing' },
    { image: join(photos, 'coffee.jpg'), text: 'cup' },
  ];
  await writeFile(pool, pairs.map((pair) => JSON.stringify(pair)).join('\n'));
  const run = (out: string): ReturnType<typeof diptych> =>
    diptych(
      ...[
        'capfilt',
        pool,
        '--captioner',
        join(families, 'blip-caption'),
        '--filter',
        join(families, 'blip-itm'),
      ],
      ...['--out', join(folder, out), '--threshold', '0.3', '--json'],
    );
  const whole = await run('whole');
  expect(whole.code).toBe(3);
  expect(parse(whole.stdout)).toMatchObject({ pairs: 3, failed: 1, resumed: 0 });
  const record = await readFile(join(folder, 'whole', 'capfilt.jsonl'));
  // What a kill leaves: a whole line and a piece of the next.
  await mkdir(join(folder, 'killed'));
  await writeFile(join(folder, 'killed', 'capfilt.jsonl'), record.subarray(0, record.indexOf('\n') + 9));
  const again = await run('killed');
  expect(parse(again.stdout)).toMatchObject({ pairs: 3, failed: 1, resumed: 1 });
  for (const file of ['capfilt.jsonl', 'shard.tar', 'failures.jsonl']) {
    const [a, b] = await Promise.all(['whole', 'killed'].map((name) => readFile(join(folder, name, file))));
    expect(b).toEqual(a);
  }
  expect(await readFile(join(folder, 'whole', 'failures.jsonl'), 'utf8')).toMatch(
    /none\.jpg.*INPUT_NOT_FOUND/,
  );
}, 120_000);
