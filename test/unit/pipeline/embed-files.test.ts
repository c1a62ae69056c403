import { EventEmitter, once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parquetReadObjects } from 'hyparquet';
import { DiptychError } from '#diptych/errors.js';
import type { InputItem } from '#diptych/input/item.js';
import { embedFiles, type EmbedFilesOptions } from '#diptych/pipeline/embed-files.js';
import { fakeEmbedder, filesOptions, vectorOf } from '../../support/fake-embedder.js';
import { readNpy } from '../../support/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
let folders = 0;
const fresh = (): string => join(root, `run-${String(folders++)}`);

const image = (name: string): InputItem => ({
  name,
  cells: { image_path: name },
  shape: 'image',
  image: name,
});
const text = (content: string): InputItem => ({
  name: content,
  cells: { text: content },
  shape: 'text',
  text: content,
});
const pair = (name: string, caption: string): InputItem => ({
  name,
  cells: { image_path: name, text: caption },
  shape: 'pair',
  image: name,
  text: caption,
});
const missing = (name: string): InputItem => ({
  name,
  cells: {},
  shape: 'broken',
  meant: 'image',
  error: new DiptychError('INPUT_NOT_FOUND', 'no such file', { input: name }),
});

async function* stream(items: readonly InputItem[]): AsyncGenerator<InputItem, void, undefined> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

async function metadata(folder: string, part: number): Promise<Record<string, unknown>[]> {
  const bytes = readFileSync(join(folder, 'metadata', `metadata_${String(part)}.parquet`));
  return parquetReadObjects({ file: new Uint8Array(bytes).buffer });
}

const failures = (folder: string): { input: string; stage: string; code: string }[] =>
  readFileSync(join(folder, 'failures.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { input: string; stage: string; code: string });

/** Every file of a run but run.json (which tells times): name -> bytes. */
function snapshot(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'run.json') continue;
    const file = join(entry.parentPath, entry.name);
    files[file.slice(folder.length)] = readFileSync(file).toString('base64');
  }
  return files;
}

describe('embedFiles', () => {
  test('a folder that another run is writing to is refused, and left alone; it is free once that has ended', async () => {
    const folder = fresh();
    const options = filesOptions(folder, { existing: 'resume' });
    const gate = new EventEmitter();
    async function* slow(): AsyncGenerator<InputItem, void, undefined> {
      yield image('1.jpg');
      const released = once(gate, 'release');
      gate.emit('waiting');
      await released;
      yield image('2.jpg');
    }
    const waiting = once(gate, 'waiting');
    const running = embedFiles(fakeEmbedder(4), slow(), options);
    await waiting;
    const before = snapshot(folder);
    for (const existing of ['resume', 'overwrite', 'refuse'] as const) {
      const second = embedFiles(fakeEmbedder(4), stream([image('1.jpg')]), { ...options, existing });
      await expect(second).rejects.toMatchObject({ code: 'OUTPUT_BUSY', input: folder });
    }
    expect(snapshot(folder)).toEqual(before);
    gate.emit('release');
    expect((await running).state.counts.rows).toBe(2);
    expect((await embedFiles(fakeEmbedder(4), stream([image('1.jpg')]), options)).rowsThisRun).toBe(0);
  });

  test('row i of a part is row i of its metadata; bad inputs are named and cost only themselves', async () => {
    const folder = fresh();
    const items = [image('a'), missing('gone'), image('bad1'), image('b'), image('c')];
    const { state } = await embedFiles(fakeEmbedder(2), stream(items), filesOptions(folder));
    expect(state.counts).toMatchObject({ inputs: 5, rows: 3, failed: 2 });
    const { data, shape } = readNpy(join(folder, 'img_emb', 'img_emb_0.npy'));
    expect(shape).toEqual([3, 4]);
    expect(Array.from(data)).toEqual(['a', 'b', 'c'].flatMap((name) => [...vectorOf(name)]));
    expect(await metadata(folder, 0)).toEqual(['a', 'b', 'c'].map((name) => ({ image_path: name })));
    expect(failures(folder)).toEqual([
      { input: 'gone', stage: 'read', code: 'INPUT_NOT_FOUND', message: 'no such file' },
      { input: 'bad1', stage: 'decode', code: 'IMAGE_CORRUPT', message: 'is broken' },
    ]);
  });

  test('images, texts and pairs get parts of their own; a pair stays a pair', async () => {
    const folder = fresh();
    const items = [
      image('a'),
      text('one'),
      pair('bad2', 'lost'),
      image('b'),
      pair('p', 'two'),
      text('three'),
    ];
    const { state } = await embedFiles(fakeEmbedder(3), stream(items), filesOptions(folder));
    expect(state.parts.map(({ part, shape, rows }) => ({ part, shape, rows }))).toEqual([
      { part: 0, shape: 'image', rows: 2 },
      { part: 1, shape: 'text', rows: 2 },
      { part: 2, shape: 'pair', rows: 1 },
    ]);
    expect(await metadata(folder, 1)).toEqual([{ text: 'one' }, { text: 'three' }]);
    expect(readNpy(join(folder, 'text_emb', 'text_emb_2.npy')).shape).toEqual([1, 4]);
    expect(readNpy(join(folder, 'img_emb', 'img_emb_2.npy')).shape).toEqual([1, 4]);
    expect(failures(folder).map(({ input }) => input)).toEqual(['bad2']);
  });

  test.each([
    ['parquet', 'embeddings_0.parquet'],
    ['jsonl', 'embeddings_0.jsonl'],
  ] as const)('format %s keeps metadata and vectors in one file', async (format, name) => {
    const folder = fresh();
    await embedFiles(
      fakeEmbedder(2),
      stream([pair('a', 'x'), pair('b', 'y')]),
      filesOptions(folder, { format }),
    );
    const bytes = readFileSync(join(folder, 'embeddings', name));
    const rows =
      format === 'jsonl'
        ? bytes
            .toString()
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as unknown)
        : await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
    const expected = ['a', 'b'].map((path, at) => ({
      image_path: path,
      text: 'xy'[at],
      image_embedding: [...vectorOf(path)],
      text_embedding: [...vectorOf('xy'[at] ?? '')],
    }));
    expect(rows).toEqual(expected);
  });

  test('float16 on disk', async () => {
    const folder = fresh();
    await embedFiles(fakeEmbedder(2), stream([image('a')]), filesOptions(folder, { dtype: 'fp16' }));
    const header = readFileSync(join(folder, 'img_emb', 'img_emb_0.npy'))
      .subarray(0, 80)
      .toString('latin1');
    expect(header).toContain("'descr': '<f2'");
  });

  test('a run in which nothing could be read leaves the failures and no part', async () => {
    const folder = fresh();
    const { state } = await embedFiles(
      fakeEmbedder(2),
      stream([image('bad1'), missing('x')]),
      filesOptions(folder),
    );
    expect(state.counts).toMatchObject({ rows: 0, failed: 2 });
    expect(existsSync(join(folder, 'img_emb', 'img_emb_0.npy'))).toBe(false);
    expect(failures(folder)).toHaveLength(2);
  });

  test('no inputs at all', async () => {
    const { state } = await embedFiles(fakeEmbedder(2), stream([]), filesOptions(fresh()));
    expect(state).toMatchObject({ status: 'complete', counts: { inputs: 0, rows: 0, failed: 0 } });
  });

  test('on-error fail ends the run with the error of the first bad input', async () => {
    const run = embedFiles(
      fakeEmbedder(1),
      stream([image('a'), image('bad1')]),
      filesOptions(fresh(), { onError: 'fail' }),
    );
    await expect(run).rejects.toMatchObject({ code: 'IMAGE_CORRUPT', input: 'bad1' });
  });

  test('more failures than allowed end the run', async () => {
    const items = [missing('a'), missing('b'), missing('c')];
    const run = embedFiles(fakeEmbedder(1), stream(items), filesOptions(fresh(), { maxFailures: 2 }));
    await expect(run).rejects.toThrow(/more than 2 inputs failed/);
  });
});

describe('a folder that is not empty', () => {
  test('is refused, resumed or overwritten as asked', async () => {
    const folder = fresh();
    const run = (existing: EmbedFilesOptions['existing'], identity = {}): Promise<unknown> =>
      embedFiles(
        fakeEmbedder(2),
        stream([image('a')]),
        filesOptions(folder, { existing, identity: { model: 'fake', options: {}, ...identity } }),
      );
    await run('refuse');
    await expect(run('refuse')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await expect(run('resume', { model: 'other' })).rejects.toThrow(/model differ/);
    await run('resume');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await run('overwrite', { model: 'other' });
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('that is no run of ours cannot be resumed', async () => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(join(folder, 'holiday.txt'), '');
    const run = embedFiles(fakeEmbedder(1), stream([]), filesOptions(folder, { existing: 'resume' }));
    await expect(run).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(readdirSync(folder)).toEqual(['holiday.txt']);
  });

  test('a damaged run.json is told as such', async () => {
    const folder = fresh();
    mkdirSync(folder);
    for (const content of ['{', '[]', '{"parts": 3}']) {
      writeFileSync(join(folder, 'run.json'), content);
      const run = embedFiles(fakeEmbedder(1), stream([]), filesOptions(folder, { existing: 'resume' }));
      await expect(run).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
    }
  });
});

describe('a run that was stopped', () => {
  const items = Array.from({ length: 137 }, (_, at) =>
    at % 11 === 3
      ? text(`text ${String(at)}`)
      : at % 13 === 5
        ? pair(`pair${String(at)}`, `caption ${String(at)}`)
        : image(at % 17 === 4 ? `bad${String(at)}` : `photo${String(at)}`),
  );

  test('goes on with --resume to the same files as one that was not, wherever it was killed', async () => {
    const whole = fresh();
    await embedFiles(fakeEmbedder(7), stream(items), filesOptions(whole));
    const expected = snapshot(whole);
    for (let kill = 0; kill < 20; kill++) {
      const folder = fresh();
      const killer = fakeEmbedder(7, (batch) => {
        if (batch === kill) throw new Error('killed');
      });
      await embedFiles(killer, stream(items), filesOptions(folder)).catch(() => undefined);
      // What a kill leaves that an error would have cleaned up: half-written files and unrecorded failures.
      mkdirSync(join(folder, 'img_emb'), { recursive: true });
      writeFileSync(join(folder, 'img_emb', 'img_emb_9.npy.partial'), 'half');
      writeFileSync(join(folder, 'failures.jsonl'), '{"input": "unrecorded"}\n', { flag: 'a' });
      const resumed = await embedFiles(
        fakeEmbedder(7),
        stream(items),
        filesOptions(folder, { existing: 'resume' }),
      );
      expect(resumed.state.counts).toMatchObject({ inputs: items.length });
      const actual = snapshot(folder);
      const sorted = (log: string | undefined): string[] =>
        Buffer.from(log ?? '', 'base64')
          .toString()
          .split('\n')
          .sort();
      expect(sorted(actual['/failures.jsonl'])).toEqual(sorted(expected['/failures.jsonl']));
      delete actual['/failures.jsonl'];
      expect(actual).toEqual(
        Object.fromEntries(Object.entries(expected).filter(([name]) => name !== '/failures.jsonl')),
      );
    }
    // Hundreds of parts, each synced to a disk of unknown speed.
  }, 300_000);

  test('by `finish` ends at whole parts and says so', async () => {
    const folder = fresh();
    const finish = new AbortController();
    const embedder = fakeEmbedder(5, (batch) => {
      if (batch === 2) finish.abort();
    });
    const images = Array.from({ length: 100 }, (_, at) => image(`i${String(at)}`));
    const stopped = await embedFiles(
      embedder,
      stream(images),
      filesOptions(folder, { finish: finish.signal }),
    );
    expect(stopped).toMatchObject({ stopped: true, state: { status: 'stopped' } });
    expect(stopped.state.parts.every(({ inputs }) => inputs === 10)).toBe(true);
    expect(stopped.state.counts.rows).toBeLessThan(100);
    const { state } = await embedFiles(
      fakeEmbedder(5),
      stream(images),
      filesOptions(folder, { existing: 'resume' }),
    );
    expect(state).toMatchObject({ status: 'complete', counts: { rows: 100 } });
  });

  test('and was complete is left as it is', async () => {
    const folder = fresh();
    await embedFiles(fakeEmbedder(3), stream(items), filesOptions(folder));
    const before = snapshot(folder);
    const { rowsThisRun } = await embedFiles(
      fakeEmbedder(3),
      stream(items),
      filesOptions(folder, { existing: 'resume' }),
    );
    expect(rowsThisRun).toBe(0);
    expect(snapshot(folder)).toEqual(before);
  });
});

test.each([
  ['removed', false],
  ['unmounted: another folder is left in its place', true],
])(
  'an input folder that vanishes (%s) ends the run; once it is back, nothing is lost',
  async (_, replaced) => {
    const inputs = fresh();
    mkdirSync(inputs);
    const { dev, ino } = statSync(inputs);
    const listed = { path: inputs, dev, ino };
    const items = Array.from({ length: 45 }, (__, i) => ({
      ...image(join(inputs, `${String(i)}.jpg`)),
      listed,
    }));
    const whole = fresh();
    await embedFiles(fakeEmbedder(4), stream(items), filesOptions(whole));
    const folder = fresh();
    let gone = false;
    const vanish = (batch: number): void => {
      if (batch !== 6) return;
      gone = true;
      renameSync(inputs, `${inputs}-away`);
      if (replaced) mkdirSync(inputs);
    };
    const run = embedFiles(
      fakeEmbedder(4, vanish, () => gone),
      stream(items),
      filesOptions(folder),
    );
    await expect(run).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND', input: inputs });
    expect(failures(folder)).toEqual([]);
    expect(readdirSync(join(folder, 'img_emb'))).toEqual(['img_emb_0.npy', 'img_emb_1.npy']);
    // A single file that is missing costs only itself.
    const one = await embedFiles(
      fakeEmbedder(4, undefined, (name) => name.endsWith('/7.jpg')),
      stream(items.map((item) => ({ ...item, listed: { ...listed, path: `${inputs}-away` } }))),
      filesOptions(fresh()),
    );
    expect(one.state.counts.failed).toBe(1);
    const { state } = await embedFiles(
      fakeEmbedder(4),
      stream(items),
      filesOptions(folder, { existing: 'resume' }),
    );
    expect(state.counts).toMatchObject({ inputs: 45, rows: 45, failed: 0 });
    for (const file of readdirSync(join(whole, 'img_emb'))) {
      expect(readFileSync(join(folder, 'img_emb', file))).toEqual(readFileSync(join(whole, 'img_emb', file)));
    }
  },
);
