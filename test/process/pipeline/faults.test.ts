import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parquetReadObjects } from 'hyparquet';
import { diptych, repository } from '../../support/command.js';
import { readNpy } from '../../support/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const cat = join(repository, 'examples', 'photos', 'cat.jpg');
const bad = join(repository, 'test', 'fixtures', 'bad');
const description = JSON.parse(readFileSync(join(bad, 'bad.json'), 'utf8')) as {
  files: { file: string; expect: string }[];
};

let server: Server;
let base = '';
beforeAll(async () => {
  const chunk = Buffer.alloc(1 << 16, 0xff);
  server = createServer((request, response) => {
    switch (request.url ?? '') {
      case '/good.jpg':
        response.end(readFileSync(cat));
        return;
      case '/slow.jpg': {
        const drip = setInterval(() => response.write('x'), 50);
        response.on('close', () => {
          clearInterval(drip);
        });
        return;
      }
      case '/endless.jpg': {
        const pour = (): void => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', pour);
        pour();
        return;
      }
      case '/silent.jpg':
        return;
      default:
        response.statusCode = 404;
        response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface FailureLine {
  readonly input: string;
  readonly stage: string;
  readonly code: string;
}

const failuresOf = (out: string): Map<string, FailureLine> =>
  new Map(
    readFileSync(join(out, 'failures.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FailureLine)
      .map((failure) => [failure.input, failure]),
  );

test('whatever goes wrong is named with its code; every good row is there', async () => {
  const folder = join(root, 'inputs');
  mkdirSync(join(folder, 'directory-named-x.jpg'), { recursive: true });
  for (const file of readdirSync(bad)) copyFileSync(join(bad, file), join(folder, file));
  const good = ['a-good.jpg', 'm-good.jpg', 'z-good.jpg'];
  for (const name of good) copyFileSync(cat, join(folder, name));
  symlinkSync(join(root, 'nowhere'), join(folder, 'dangling.jpg'));
  copyFileSync(cat, join(folder, 'unreadable.jpg'));
  chmodSync(join(folder, 'unreadable.jpg'), 0);
  const urls = ['good', 'dead', 'slow', 'endless', 'silent'].map((name) => `${base}/${name}.jpg`);
  const out = join(root, 'out');
  const missing = join(root, 'missing.jpg');
  const args = ['embed', folder, missing, ...urls, `${base}/good.jpg`, '--out', out];
  const { code, stderr } = await diptych([...args, '--allow-private-urls', '--url-timeout', '3', '--json']);
  expect(stderr).not.toContain('INTERNAL');
  expect(code).toBe(3);

  const failures = failuresOf(out);
  const codeOf = (name: string): string | undefined => failures.get(name)?.code;
  const metadata = await parquetReadObjects({
    file: new Uint8Array(readFileSync(join(out, 'metadata', 'metadata_0.parquet'))).buffer,
  });
  const rows = metadata.map((row) => String(row['image_path']));
  // Root reads what nobody may.
  const readable = process.getuid?.() === 0;
  const expected = [...good, ...(readable ? ['unreadable.jpg'] : [])].map((name) => join(folder, name));
  expect(rows).toEqual(expect.arrayContaining([...expected, `${base}/good.jpg`]));
  expect(rows.filter((name) => name === `${base}/good.jpg`)).toHaveLength(2);
  if (!readable) expect(codeOf(join(folder, 'unreadable.jpg'))).toBe('INPUT_UNREADABLE');
  const wrong = description.files.filter(({ file, expect: wanted }) => {
    const path = join(folder, file);
    const named = failures.has(path) || stderr.includes(path);
    if (wanted.startsWith('error')) return !failures.has(path);
    return wanted.startsWith('either') ? !named : !rows.includes(path) && !failures.has(path);
  });
  expect(wrong).toEqual([]);
  for (const { code: told, stage } of failures.values()) {
    expect(told).toMatch(/^(IMAGE|INPUT)_/);
    expect(['read', 'decode']).toContain(stage);
  }
  expect(codeOf(missing)).toBe('INPUT_NOT_FOUND');
  expect(codeOf(join(folder, 'dangling.jpg'))).toBe('INPUT_NOT_FOUND');
  expect(codeOf(join(folder, 'directory-named-x.jpg'))).toBe('INPUT_UNREADABLE');
  expect(codeOf(`${base}/dead.jpg`)).toBe('INPUT_NOT_FOUND');
  expect(codeOf(`${base}/slow.jpg`)).toBe('INPUT_UNREADABLE');
  expect(codeOf(`${base}/silent.jpg`)).toBe('INPUT_UNREADABLE');
  // By its size on a fast machine, by its time on a slow one.
  expect(['IMAGE_TOO_LARGE', 'INPUT_UNREADABLE']).toContain(codeOf(`${base}/endless.jpg`));
  const { data, shape } = readNpy(join(out, 'img_emb', 'img_emb_0.npy'));
  expect(shape[0]).toBe(rows.length);
  // The same photo has the same vector wherever it stands among the bad ones.
  const dim = shape[1] ?? 0;
  const vector = (name: string): Float32Array => {
    const row = rows.indexOf(name);
    return Float32Array.from(data.slice(row * dim, (row + 1) * dim));
  };
  const same = [...good.map((name) => join(folder, name)), `${base}/good.jpg`];
  const first = vector(same[0] ?? '');
  for (const name of same) {
    const distance = vector(name).reduce((most, x, i) => Math.max(most, Math.abs(x - (first[i] ?? 0))), 0);
    expect(distance).toBeLessThan(1e-5);
  }
});

test('--on-error fail ends at the first, --max-failures at one too many; both keep what is whole', async () => {
  const folder = join(root, 'few');
  mkdirSync(folder);
  for (let i = 0; i < 6; i++) {
    const file = join(folder, `${String(i)}.jpg`);
    if (i % 2 === 0) copyFileSync(cat, file);
    else writeFileSync(file, 'no picture');
  }
  const run = (name: string, ...flags: string[]): ReturnType<typeof diptych> =>
    diptych(['embed', folder, '--out', join(root, name), '--shard-size', '1', '--batch-size', '1', ...flags]);
  const first = await run('fail', '--on-error', 'fail');
  expect([first.code, first.stderr]).toEqual([1, expect.stringMatching(/IMAGE_UNSUPPORTED: .*1\.jpg/)]);
  const many = await run('max', '--max-failures', '1');
  expect([many.code, many.stderr]).toEqual([1, expect.stringContaining('more than 1 inputs failed')]);
  // What failed before counts, so that a run that is started again and again ends at the same input.
  const again = await run('max', '--resume', '--max-failures', '1');
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/3\.jpg: more than 1 inputs/)]);
  const resumed = await run('max', '--resume');
  expect(resumed.code).toBe(3);
  expect(failuresOf(join(root, 'max')).size).toBe(3);
});

test('private addresses are refused unless they are allowed', async () => {
  const out = join(root, 'private');
  const { code } = await diptych(['embed', `${base}/good.jpg`, cat, '--out', out]);
  expect(code).toBe(3);
  expect(failuresOf(out).get(`${base}/good.jpg`)).toMatchObject({ stage: 'read', code: 'INPUT_UNREADABLE' });
});

/** A tiny two-tower model, and photos for it. */
const model = join(repository, 'test', 'fixtures', 'families', 'clip-vit');
function photos(name: string, count: number): string {
  const folder = join(root, name);
  mkdirSync(folder);
  for (let i = 0; i < count; i++) copyFileSync(cat, join(folder, `${String(i).padStart(4, '0')}.jpg`));
  return folder;
}

/** Every file of a run but run.json, which tells times. */
function filesOf(out: string): Map<string, Buffer> {
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== 'run.json',
  );
  return new Map(
    files.map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return [file.slice(out.length), readFileSync(file)];
    }),
  );
}

const unlessWindows = process.platform === 'win32' ? test.skip : test;

unlessWindows(
  'no room for a part: OUTPUT_FAILED, whole parts only, and --resume makes the rest',
  async () => {
    const folder = photos('full', 40);
    const args = ['embed', folder, '--model', model, '--shard-size', '1', '--batch-size', '4'];
    const whole = join(root, 'full-whole');
    expect((await diptych([...args, '--out', whole])).code).toBe(0);
    // Files end at a size that run.json outgrows with its first parts: the write fails as on a disk that is full.
    const out = join(root, 'full-out');
    const program = join(repository, 'dist', 'cli', 'main.js');
    const shell = 'trap "" XFSZ; ulimit -f 4; exec "$0" "$@"';
    const limited = spawnSync('bash', ['-c', shell, process.execPath, program, ...args, '--out', out], {
      encoding: 'utf8',
    });
    expect([limited.status, limited.stderr]).toEqual([1, expect.stringContaining('OUTPUT_FAILED')]);
    expect((await diptych([...args, '--out', out, '--resume'])).code).toBe(0);
    expect(filesOf(out)).toEqual(filesOf(whole));
  },
);
