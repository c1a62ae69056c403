import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { local } from '../../support/fixtures.js';
import { diptych as run } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const diptych = (...args: string[]): ReturnType<typeof run> => run(args);

test('curate: the same rows as the official code on the same stream', async () => {
  const golden = JSON.parse(await readFile(join(local, 'tasks', 'metaclip.json'), 'utf8')) as {
    entries: string[];
    texts: string[];
    t: number;
    kept: number[];
  };
  const [pool, entries, out] = ['texts.jsonl', 'entries.json', 'kept.jsonl'].map((name) =>
    join(folder, name),
  );
  if (pool === undefined || entries === undefined || out === undefined) throw new Error('unreachable');
  await writeFile(pool, golden.texts.map((text) => JSON.stringify(text)).join('\n'));
  await writeFile(entries, JSON.stringify(golden.entries));
  const ran = await diptych(
    'curate',
    pool,
    '--entries',
    entries,
    '--t',
    String(golden.t),
    '--seed',
    '11',
    '--out',
    out,
    '--json',
  );
  expect(ran.code).toBe(0);
  const lines = (await readFile(out, 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { index: unknown }).index)).toEqual(golden.kept);
  expect(JSON.parse(ran.stdout)).toMatchObject({ texts: golden.texts.length, kept: golden.kept.length });
  expect(await readFile(join(folder, 'failures.jsonl'), 'utf8')).toBe('');
});

test('curate: rows without a caption are listed, and not in the list of an embed run', async () => {
  const at = (name: string): string => join(folder, 'curate', name);
  await mkdir(join(folder, 'curate'));
  await writeFile(at('pool.jsonl'), '{"text": "a cat"}\n{"url": "x"}\n{"text": 5}\n{"text": ""}\n');
  await writeFile(at('entries.txt'), 'cat\n');
  const command = ['curate', at('pool.jsonl'), '--entries', at('entries.txt'), '--out', at('kept.jsonl')];
  const ran = await diptych(...command, '--json');
  expect([ran.code, JSON.parse(ran.stdout)]).toEqual([
    3,
    { texts: 4, matched: 1, kept: 1, incomplete: 2, headEntries: 0 },
  ]);
  const failure = { stage: 'read', code: 'BAD_INPUT', message: 'no text in column text' };
  expect(
    (await readFile(at('failures.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { input: 'row 1', ...failure },
    { input: 'row 2', ...failure },
  ]);
  await writeFile(at('run.json'), '{}');
  const refused = await diptych(...command);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/OUTPUT_EXISTS.*--failures/)]);
  expect((await diptych(...command, '--failures', at('lacking.jsonl'))).code).toBe(3);
  expect(await readFile(at('lacking.jsonl'), 'utf8')).toBe(await readFile(at('failures.jsonl'), 'utf8'));
});
