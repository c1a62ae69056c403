import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { local } from '../../support/fixtures.js';
import { diptych as run } from '../../support/command.js';
import { sampleRows } from '../../support/sample-rows.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();
const diptych = (...args: string[]): ReturnType<typeof run> => run(args);
const parse = (text: string): unknown => JSON.parse(text);

test('filter: the golden subset, byte for byte, and rows that lack what it needs', async () => {
  const golden = JSON.parse(await readFile(join(local, 'tasks', 'filters', 'filters.json'), 'utf8')) as {
    rows: object[];
  };
  const pool = join(folder, 'pool.jsonl');
  await writeFile(pool, golden.rows.map((row) => JSON.stringify(row)).join('\n'));
  const out = join(folder, 'basic.npy');
  const ran = await diptych('filter', 'basic', pool, '--out', out, '--json');
  expect(ran.code).toBe(0);
  expect(JSON.parse(ran.stdout)).toMatchObject({ rule: 'basic', rows: 400, incomplete: 0 });
  expect((await readFile(out)).equals(await readFile(join(local, 'tasks', 'filters', 'basic.npy')))).toBe(
    true,
  );
  await writeFile(pool, '{"uid": "x", "clip_l14_similarity_score": 0.5}\n{"uid": "y"}\n');
  const some = await diptych(
    'filter',
    'score',
    pool,
    '--threshold',
    '0.1',
    '--out',
    join(folder, 'some.jsonl'),
  );
  expect([some.code, some.stdout.trim()]).toEqual([3, '1 of 2 rows kept']);
  expect((await diptych('filter', 'basic', pool, '--out', out)).stderr).toMatch(
    /BAD_INPUT: .*no text in column text/,
  );
  expect((await diptych('filter', 'score', pool, '--out', out)).code).toBe(2);
});

test('filter align: thresholds are flags, and the reasons are counted', async () => {
  const pool = join(folder, 'alt.jsonl');
  const row = (url: string, text: string, side = 300): object => ({
    ...{ url, text, original_width: side, original_height: 2 * side },
  });
  const rows = [row('a', 'one two'), row('b', 'one two three'), row('c', 'one two', 150), row('d', 'one')];
  await writeFile(pool, rows.map((one) => JSON.stringify(one)).join('\n'));
  const command = [
    'filter',
    'align',
    pool,
    '--out',
    join(folder, 'alt-kept.jsonl'),
    '--json',
    '--progress',
    'json',
  ];
  const strict = await diptych(...command);
  expect(JSON.parse(strict.stdout)).toMatchObject({ kept: 1, dropped: { side: 1, words: 2 } });
  expect(strict.stderr).toMatch(/"progress":"filter","done":4/);
  const loose = await diptych(...command, '--least-words', '2', '--side', '100', '--aspect', '2.5');
  expect(JSON.parse(loose.stdout)).toMatchObject({ kept: 3, dropped: { side: 0, words: 1 } });
  const rare = await diptych(...command, '--least-words', '1', '--vocabulary', '1', '--images-per-text', '1');
  expect(JSON.parse(rare.stdout)).toMatchObject({ kept: 1, dropped: { rare: 1, 'images-per-text': 1 } });
  expect((await diptych(...command, '--least-words', '9', '--most-words', '3')).code).toBe(2);
  const wrong = await diptych('filter', 'basic', pool, '--out', join(folder, 'x.npy'), '--side', '5');
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/BAD_OPTION.*align/)]);
});

test('filter: scores of embeddings, lists, new shards, failures; set algebra', async () => {
  const { pack } = await import('tar-stream');
  const tar = pack();
  for (const key of ['000000', '000001', '000002']) tar.entry({ name: `web/${key}.txt` }, `caption ${key}`);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const source = join(folder, 'web.tar');
  await writeFile(source, Buffer.concat(chunks));
  const pool = join(folder, 'scored.jsonl');
  const uid = (at: number): string => String(at).padStart(32, '0');
  const rows = [0.3, 0.1, 0.29].map((score, at) => ({ key: `00000${String(at)}`, uid: uid(at), score }));
  await writeFile(pool, [...rows, { key: 'x' }].map((row) => JSON.stringify(row)).join('\n'));
  const at = (name: string): string => join(folder, name);
  const common = ['filter', 'score', pool, '--score-column', 'score', '--threshold'];
  const ran = await diptych(
    ...[...common, '0.2', '--out', at('kept.txt'), '--shards', at('new'), '--tars', source],
    ...['--failures', at('lacking.jsonl'), '--json'],
  );
  expect([ran.code, parse(ran.stdout)]).toEqual([
    3,
    { rule: 'score', rows: 4, kept: 2, incomplete: 1, threshold: 0.2, shards: 1, samples: 2, missing: 0 },
  ]);
  expect(await readFile(at('kept.txt'), 'utf8')).toBe('000000\n000002\n');
  expect(await readFile(at('lacking.jsonl'), 'utf8')).toMatch(/"row 3".*BAD_INPUT/);
  const shard = await readFile(at('new/00000.tar'), 'latin1');
  expect([...shard.matchAll(/caption (\d+)/g)].map((match) => match[1])).toEqual(['000000', '000002']);
  await diptych(...common, '0.2', '--out', at('a.npy'));
  await diptych(...common, '0.295', '--out', at('b.npy'));
  const combined = await diptych(
    'combine',
    'difference',
    at('a.npy'),
    at('b.npy'),
    '--out',
    at('c.npy'),
    '--json',
  );
  expect(parse(combined.stdout)).toEqual({ how: 'difference', sizes: [2, 1], kept: 1 });
  const vectors = await sampleRows(folder, 'head-rows.npy', 4, 3);
  await writeFile(at('head.json'), JSON.stringify({ weights: [1, 0, 0], bias: 0 }));
  const head = ['--embedded', vectors, '--head', at('head.json'), '--fraction', '0.25'];
  const linear = await diptych('filter', 'linear', pool, ...head, '--out', at('l.jsonl'), '--json');
  expect(parse(linear.stdout)).toMatchObject({ rule: 'linear', rows: 4, kept: 2 });
  await writeFile(at('head.json'), '{"weights": "none"}');
  expect((await diptych('filter', 'linear', pool, ...head, '--out', at('l.jsonl'))).stderr).toMatch(
    /INPUT_UNREADABLE/,
  );
}, 120_000);
