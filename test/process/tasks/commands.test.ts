import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { encode } from 'fast-png';
import { npyHeader } from '#diptych/output/npy.js';
import { openCifar10, openImageFolder, openMnist } from '#diptych/tasks/datasets.js';
import { local } from '../../support/fixtures.js';
import { readNpy } from '../../support/npy.js';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tasks-'));
});
afterAll(() => rm(folder, { recursive: true }));

function diptych(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('labelled sets in the formats of their packages', () => {
  test('CIFAR-10 sheets: a line is an image', async () => {
    const data = Uint8Array.from({ length: 20 * 1024 * 3 }, (_, i) => (i * 7 + Math.floor(i / 3072)) % 256);
    await writeFile(
      join(folder, 'test_batch.png'),
      encode({ width: 1024, height: 20, channels: 3, depth: 8, data }, { zlib: { level: 1 } }),
    );
    await writeFile(
      join(folder, 'test_lables.json'),
      JSON.stringify(Array.from({ length: 20 }, (_, i) => i % 10)),
    );
    const set = openCifar10(folder);
    expect([set.rows, set.classes.length, set.labels[13]]).toEqual([20, 10, 3]);
    const { decode } = await import('fast-png');
    const bytes = set.image(19);
    if (typeof bytes === 'string') throw new Error('expected bytes');
    const image = decode(bytes);
    expect([image.width, image.height, image.channels]).toEqual([32, 32, 3]);
    expect(Array.from(image.data)).toEqual(Array.from(data.subarray(19 * 3072)));
    expect(() => openCifar10(join(folder, 'none'))).toThrow(
      expect.objectContaining({ code: 'INPUT_NOT_FOUND' }),
    );
  });
  test('MNIST: shares of white, one file a digit', async () => {
    await mkdir(join(folder, 'src', 'digits'), { recursive: true });
    for (let digit = 0; digit < 10; digit++) {
      const data = Array.from({ length: 784 * (digit + 1) }, (_, i) => (i % 784 === digit ? 1 : 0));
      await writeFile(join(folder, 'src', 'digits', `${String(digit)}.json`), JSON.stringify({ data }));
    }
    const set = openMnist(folder);
    expect([set.rows, set.labels[0], set.labels[1], set.labels[54]]).toEqual([55, 0, 1, 9]);
    const { decode } = await import('fast-png');
    const bytes = set.image(2);
    if (typeof bytes === 'string') throw new Error('expected bytes');
    const { data } = decode(bytes);
    expect([data[0], data[1], data[2]]).toEqual([0, 255, 0]);
  });
  test('a folder a class, with names of its own', async () => {
    for (const name of ['b_cat', 'a_dog']) {
      await mkdir(join(folder, 'classes', name), { recursive: true });
      await writeFile(join(folder, 'classes', name, 'x.png'), '');
    }
    const set = await openImageFolder(join(folder, 'classes'));
    expect([set.classes, Array.from(set.labels)]).toEqual([
      ['a dog', 'b cat'],
      [0, 1],
    ]);
    await writeFile(join(folder, 'classes', 'classnames.txt'), 'hound\n');
    await expect(openImageFolder(join(folder, 'classes'))).rejects.toMatchObject({
      code: 'DIMENSION_MISMATCH',
    });
    await expect(openImageFolder(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
  });
});

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

test('kmeans and adapt on sets on disk', async () => {
  const write = async (name: string, rows: number, dim: number, data: Float32Array): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, Buffer.concat([npyHeader('<f4', [rows, dim]), new Uint8Array(data.buffer)]));
    return file;
  };
  const points = Float32Array.from(
    { length: 400 },
    (_, i) => (Math.floor(i / 4) % 2 === i % 2 ? 3 : 0) + (i % 7) / 50,
  );
  const images = await write('images.npy', 100, 4, points);
  const centroids = join(folder, 'centroids.npy');
  const labels = join(folder, 'labels.npy');
  const ran = await diptych(
    'kmeans',
    images,
    '--clusters',
    '2',
    '--out',
    centroids,
    '--labels',
    labels,
    '--json',
  );
  expect(JSON.parse(ran.stdout)).toMatchObject({ rows: 100, clusters: 2 });
  expect(readNpy(centroids).shape).toEqual([2, 4]);
  expect(new Set(readNpy(labels).data).size).toBe(2);

  const texts = await write('texts.npy', 2, 4, Float32Array.of(0, 1, 0, 0, 1, 0, 0, 0));
  const rows = join(folder, 'rows.txt');
  await writeFile(rows, Array.from({ length: 100 }, (_, row) => String(row % 2)).join('\n'));
  const adapter = join(folder, 'adapter.json');
  const trained = await diptych(
    'adapt',
    '--images',
    images,
    '--texts',
    texts,
    '--labels',
    rows,
    '--out',
    adapter,
    '--json',
  );
  expect(JSON.parse(trained.stdout)).toMatchObject({ rows: 100, accuracy: 1 });
  expect(JSON.parse(await readFile(adapter, 'utf8'))).toMatchObject({ kind: 'residual', dim: 4 });
  expect((await diptych('kmeans', images, '--clusters', '101', '--out', centroids)).stderr).toMatch(
    /BAD_INPUT/,
  );
});

describe('the other doors', () => {
  const models = join(local, 'families');
  const npy = async (name: string, rows: number, dim: number): Promise<string> => {
    const data = Float32Array.from({ length: rows * dim }, (_, i) =>
      (i % dim) % 3 === Math.floor(i / dim) % 3 ? 1 : ((i * 7919) % 101) / 300,
    );
    const file = join(folder, name);
    await writeFile(file, Buffer.concat([npyHeader('<f4', [rows, dim]), new Uint8Array(data.buffer)]));
    return file;
  };
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
          join(models, 'blip-caption'),
          '--filter',
          join(models, 'blip-itm'),
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

  test('probe, loss and arithmetic on sets on disk', async () => {
    const rows = await npy('rows.npy', 90, 12);
    const labels = join(folder, 'classes.txt');
    await writeFile(labels, Array.from({ length: 90 }, (_, row) => String(row % 3)).join('\n'));
    const both = ['--train', rows, '--train-labels', labels, '--test', rows, '--test-labels', labels];
    const swept = await diptych('probe', ...both, '--sweep', '--json');
    expect(parse(swept.stdout)).toMatchObject({ accuracy: 1 });
    const few = await diptych('probe', ...both, '--shots', '1,2', '--seeds', '2', '--json');
    expect(parse(few.stdout)).toMatchObject({ fewShot: [{ shots: 1, method: 'probe' }, { shots: 2 }] });
    await writeFile(labels, '0\n1\n');
    expect((await diptych('probe', ...both)).stderr).toMatch(/DIMENSION_MISMATCH/);
    const many = await npy('many.npy', 300, 12);
    const loss = await diptych(
      ...[
        'loss',
        many,
        '--texts',
        many,
        '--gradients',
        join(folder, 'slopes'),
        '--json',
        '--progress',
        'json',
      ],
    );
    expect(parse(loss.stdout)).toMatchObject({ kind: 'clip', pairs: 300 });
    // Four passes over blocks of 96 rows.
    expect(loss.stderr.trim().split('\n').at(-1)).toMatch(/"progress":"loss","done":16,"total":16/);
    expect(readNpy(join(folder, 'slopes', 'images.npy')).shape).toEqual([300, 12]);
    const moved = join(folder, 'moved.npy');
    const along = await npy('along.npy', 1, 12);
    expect((await diptych('arithmetic', 'move', rows, '--along', along, '--out', moved)).code).toBe(0);
    const change = [
      '--images-before',
      rows,
      '--images-after',
      moved,
      '--texts-before',
      rows,
      '--texts-after',
      moved,
    ];
    const found = parse((await diptych('arithmetic', 'change', ...change, '--json')).stdout) as {
      mean: number;
    };
    expect(found.mean).toBeCloseTo(1, 5);
  }, 120_000);

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
    const vectors = await npy('head-rows.npy', 4, 3);
    await writeFile(at('head.json'), JSON.stringify({ weights: [1, 0, 0], bias: 0 }));
    const head = ['--embedded', vectors, '--head', at('head.json'), '--fraction', '0.25'];
    const linear = await diptych('filter', 'linear', pool, ...head, '--out', at('l.jsonl'), '--json');
    expect(parse(linear.stdout)).toMatchObject({ rule: 'linear', rows: 4, kept: 2 });
    await writeFile(at('head.json'), '{"weights": "none"}');
    expect((await diptych('filter', 'linear', pool, ...head, '--out', at('l.jsonl'))).stderr).toMatch(
      /INPUT_UNREADABLE/,
    );
  }, 120_000);
});
