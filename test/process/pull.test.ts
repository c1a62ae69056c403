import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  mkdir,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { locateModel } from '#diptych/models/locate.js';
import { pullModel, repositoryOf, type PullOptions, type PullProgress } from '#diptych/models/pull.js';
import { randomFrom } from '#diptych/tasks/generate/random.js';
import { serveHub, type Fault, type HubRepo, type HubServer } from '../support/hub-server.js';

const REPO = 'someone/some-clip';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const ONNX = 'onnx/vision_model.onnx';
const PATIENCE = { tries: 3, waitMs: 5, stallMs: 400 };

const bytes = (length: number, seed: number): Uint8Array => {
  const random = randomFrom(seed, 0);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
};

const FILES: Readonly<Record<string, Uint8Array>> = {
  'README.md': Buffer.from('# words'),
  'config.json': Buffer.from('{"model_type": "clip"}'),
  'tokenizer.json': Buffer.from('{"model": {}}'),
  'empty/config.json': new Uint8Array(0),
  'special_tokens_map.json': new Uint8Array(0),
  [ONNX]: bytes(300_000, 1),
  'onnx/vision_model_fp16.onnx': bytes(150_000, 2),
  'onnx/text_model.onnx': bytes(200_000, 3),
  'onnx/text_model.onnx_data': bytes(400_000, 4),
  'onnx/text_model_fp16.onnx': bytes(100_000, 5),
  'pytorch_model.bin': bytes(1000, 6),
};

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'diptych-pull-'));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const root = (): string => join(cache, 'models--someone--some-clip');
const repo = (more: Partial<HubRepo> = {}): Record<string, HubRepo> => ({
  [REPO]: { commit: COMMIT, files: FILES, ...more },
});
const faulty = (path: string, ...faults: Fault[]): Record<string, HubRepo> =>
  repo({ faults: { [path]: faults } });

function pull(server: HubServer, options: PullOptions = {}): ReturnType<typeof pullModel> {
  return pullModel(REPO, { endpoint: server.url, cacheDir: cache, patience: PATIENCE, ...options });
}

async function expectWhole(folder: string, ...paths: string[]): Promise<void> {
  for (const path of paths) {
    expect(Buffer.compare(await readFile(join(folder, path)), Buffer.from(FILES[path] ?? []))).toBe(0);
  }
}

/** No snapshot, or one without a link that leads nowhere. */
async function expectNothingBroken(): Promise<void> {
  const snapshots = join(root(), 'snapshots');
  if (!existsSync(snapshots)) return;
  for (const entry of await readdir(snapshots, { recursive: true, withFileTypes: true })) {
    if (!entry.isDirectory()) await stat(join(entry.parentPath, entry.name));
  }
}

describe('models pull', () => {
  test('takes only what the dtype needs and lays it out as huggingface_hub does', async () => {
    await using server = await serveHub(repo({ page: 3 }));
    const result = await pull(server);
    expect(result).toMatchObject({ repo: REPO, commit: COMMIT, dtype: 'fp32' });
    expect(result.files.map(({ path }) => path).sort()).toEqual([
      'config.json',
      'onnx/text_model.onnx',
      'onnx/text_model.onnx_data',
      ONNX,
      'special_tokens_map.json',
      'tokenizer.json',
    ]);
    expect(result.folder).toBe(join(root(), 'snapshots', COMMIT));
    await expectWhole(
      result.folder,
      'config.json',
      ONNX,
      'onnx/text_model.onnx_data',
      'special_tokens_map.json',
    );
    expect(await readlink(join(result.folder, ONNX))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readFile(join(root(), 'refs', 'main'), 'utf8')).toBe(COMMIT);
    expect((await readdir(join(root(), 'blobs'))).some((name) => name.endsWith('.incomplete'))).toBe(false);
    expect(server.log.join('\n')).not.toMatch(/README|pytorch_model|fp16/);
  });

  test('a second pull asks for no file, another dtype adds its own', async () => {
    await using server = await serveHub(repo());
    await pull(server);
    server.log.length = 0;
    expect((await pull(server)).downloaded).toBe(0);
    expect(server.log.filter((line) => line.includes('/resolve/'))).toEqual([]);
    const half = await pull(server, { dtype: 'fp16' });
    expect(half.downloaded).toBe(250_000);
    await expectWhole(half.folder, ONNX, 'onnx/vision_model_fp16.onnx');
  });

  test('reports progress that only grows and ends at the total', async () => {
    await using server = await serveHub(repo());
    const seen: PullProgress[] = [];
    await pull(server, { onProgress: (progress) => seen.push(progress) });
    const last = seen[seen.length - 1];
    expect(last?.totalReceived).toBe(last?.totalSize);
    seen.slice(1).forEach((progress, at) => {
      expect(progress.totalReceived).toBeGreaterThanOrEqual(seen[at]?.totalReceived ?? 0);
    });
  });

  test.each<[string, Fault[]]>([
    ['a cut connection', [{ kind: 'cut', after: 100_000 }]],
    ['many cut connections', Array.from({ length: 12 }, () => ({ kind: 'cut', after: 20_000 }) as const)],
    ['a stalled connection', [{ kind: 'stall', after: 50_000 }]],
    ['429 with Retry-After', [{ kind: 'status', status: 429, retryAfter: '0' }]],
    [
      '500 twice',
      [
        { kind: 'status', status: 500 },
        { kind: 'status', status: 503 },
      ],
    ],
    ['a damaged transfer', [{ kind: 'damage' }]],
    ['a server without ranges', [{ kind: 'cut', after: 100_000 }, { kind: 'no-range' }]],
  ])('gets over %s', async (_, faults) => {
    await using server = await serveHub(faulty(ONNX, ...faults));
    const { folder } = await pull(server);
    await expectWhole(folder, ONNX);
  });

  test('goes on where a cut connection ended', async () => {
    await using server = await serveHub(faulty(ONNX, { kind: 'cut', after: 100_000 }));
    await pull(server);
    const ranges = server.log.filter((line) => line.includes(ONNX));
    expect(ranges).toHaveLength(2);
    expect(Number(/bytes=(\d+)-/.exec(ranges[1] ?? '')?.[1])).toBeGreaterThan(0);
  });

  test('gets over faults of the API itself', async () => {
    await using server = await serveHub(
      faulty('*', { kind: 'status', status: 429, retryAfter: '0' }, { kind: 'status', status: 502 }),
    );
    await expectWhole((await pull(server)).folder, ONNX);
  });

  test.each<[string, Partial<HubRepo>, RegExp]>([
    ['a wrong hash', { wrongHash: [ONNX] }, /DOWNLOAD_FAILED.*differs from what the hub lists/s],
    ['a wrong Git hash', { wrongHash: ['config.json'] }, /DOWNLOAD_FAILED.*differs/s],
    [
      'a server that only fails',
      { faults: { [ONNX]: Array.from({ length: 9 }, () => ({ kind: 'status', status: 500 }) as const) } },
      /DOWNLOAD_FAILED.*gave up after 3 tries.*HTTP 500/s,
    ],
    [
      'a file that has gone',
      { faults: { [ONNX]: [{ kind: 'status', status: 404 }] } },
      /MODEL_NOT_FOUND.*vision_model\.onnx: the hub lists this file/s,
    ],
  ])('fails on %s and leaves no broken model', async (_, more, message) => {
    await using server = await serveHub(repo(more));
    const failure = await pull(server).catch((error: unknown) => error);
    expect(`${(failure as { code: string }).code} ${String(failure)}`).toMatch(message);
    expect(existsSync(join(root(), 'snapshots'))).toBe(false);
    await using healthy = await serveHub(repo());
    await expectWhole((await pull(healthy)).folder, ONNX, 'config.json');
  });

  test('a failed second dtype leaves the first one whole', async () => {
    await using server = await serveHub(repo({ wrongHash: ['onnx/text_model_fp16.onnx'] }));
    const { folder } = await pull(server);
    await expect(pull(server, { dtype: 'fp16' })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    await expectWhole(folder, ONNX, 'onnx/text_model.onnx');
    await expectNothingBroken();
    expect(existsSync(join(folder, 'onnx/vision_model_fp16.onnx'))).toBe(false);
  });

  test('--verify finds a damaged file of the cache and fetches it again', async () => {
    await using server = await serveHub(repo());
    const { folder } = await pull(server);
    const damaged = Buffer.from(FILES[ONNX] ?? []);
    damaged[7] = (damaged[7] ?? 0) ^ 255;
    await writeFile(join(folder, ONNX), damaged);
    expect((await pull(server)).downloaded).toBe(0);
    expect((await pull(server, { verify: true })).downloaded).toBe(300_000);
    await expectWhole(folder, ONNX);
  });

  test('sends the token, and says what a refusal means', async () => {
    await using server = await serveHub(repo({ token: 'hf_secret' }));
    await expect(pull(server)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('HF_TOKEN') as unknown,
    });
    const { folder } = await pull(server, { token: 'hf_secret' });
    await expectWhole(folder, ONNX);
  });

  test('unknown repositories, revisions and dtypes are told', async () => {
    await using server = await serveHub(repo());
    const options = { endpoint: server.url, cacheDir: cache, patience: PATIENCE };
    await expect(pullModel('someone/nothing', options)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(pull(server, { revision: 'v9' })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(pull(server, { dtype: 'int8' })).rejects.toThrow(/no int8 graphs, only fp32, fp16/);
    await expect(pullModel('RN51', options)).rejects.toThrow(/did you mean RN50/);
    await using bare = await serveHub({
      [REPO]: { commit: COMMIT, files: { 'pytorch_model.bin': bytes(9, 9) } },
    });
    await expect(pull(bare)).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });

  test('a hub that cannot be reached is told with its address', async () => {
    const patience = { tries: 2, waitMs: 1, stallMs: 300 };
    const options = { endpoint: 'http://127.0.0.1:9', cacheDir: cache, patience };
    await expect(pullModel(REPO, options)).rejects.toThrow(/127\.0\.0\.1:9 cannot be reached/);
  });

  test('paths that lead out of the snapshot are not followed', async () => {
    const files = {
      ...FILES,
      '../../evil/config.json': Buffer.from('{}'),
      'onnx/../../tokenizer.json': Buffer.from('{}'),
    };
    await using server = await serveHub({ [REPO]: { commit: COMMIT, files } });
    const { files: taken } = await pull(server);
    expect(taken.map(({ path }) => path).join()).not.toContain('..');
    expect(existsSync(join(cache, 'evil'))).toBe(false);
  });

  test('an aborted pull keeps what came and goes on next time', async () => {
    await using server = await serveHub(faulty(ONNX, { kind: 'stall', after: 120_000 }));
    const controller = new AbortController();
    const onProgress = ({ file, received }: PullProgress): void => {
      if (file === ONNX && received >= 100_000) controller.abort();
    };
    await expect(pull(server, { signal: controller.signal, onProgress })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(existsSync(join(root(), 'snapshots'))).toBe(false);
    const result = await pull(server);
    expect(server.log.some((line) => /vision_model\.onnx bytes=1\d\d\d\d\d-/.test(line))).toBe(true);
    await expectWhole(result.folder, ONNX);
  });

  test('a killed pull leaves no model, and the next one goes on, its lock notwithstanding', async () => {
    await using server = await serveHub(faulty(ONNX, { kind: 'stall', after: 120_000 }));
    const module = fileURLToPath(new URL('../../dist/models/pull.js', import.meta.url));
    const code = `import(${JSON.stringify(module)}).then(({ pullModel }) => pullModel(${JSON.stringify(REPO)}, {
      endpoint: ${JSON.stringify(server.url)}, cacheDir: ${JSON.stringify(cache)},
      onProgress: ({ received }) => { if (received >= 100000 && received < 300000) process.kill(process.pid, 'SIGKILL'); } }))`;
    const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('exit', resolve));
    expect(child.signalCode).toBe('SIGKILL');
    expect(existsSync(join(root(), '.diptych-lock'))).toBe(true);
    expect(existsSync(join(root(), 'snapshots'))).toBe(false);
    const result = await pull(server);
    expect(server.log.some((line) => /vision_model\.onnx bytes=\d{5,}-/.test(line))).toBe(true);
    await expectWhole(result.folder, ONNX);
  });

  test("two pulls at once do not get in each other's way", async () => {
    await using server = await serveHub(faulty(ONNX, { kind: 'cut', after: 50_000 }));
    const [a, b] = await Promise.all([pull(server), pull(server)]);
    expect(a.folder).toBe(b.folder);
    await expectWhole(a.folder, ONNX, 'onnx/text_model.onnx_data');
    expect(server.log.filter((line) => line.includes('text_model.onnx_data'))).toHaveLength(1);
  });

  test('a live lock is waited for', async () => {
    await using server = await serveHub(repo());
    await mkdir(root(), { recursive: true });
    const lock = join(root(), '.diptych-lock');
    await writeFile(lock, `${String(process.ppid)}@${hostname()}`);
    const warnings: string[] = [];
    const pulling = pull(server, {
      onWarning: (message) => {
        warnings.push(message);
        void rm(lock);
      },
    });
    await expectWhole((await pulling).folder, ONNX);
    expect(warnings).toEqual([expect.stringContaining('another process')]);
  });

  test('a lock that nobody touches any more is taken', async () => {
    await using server = await serveHub(repo());
    await mkdir(root(), { recursive: true });
    const lock = join(root(), '.diptych-lock');
    await writeFile(lock, '1@a-container-that-is-gone');
    const long = new Date(Date.now() - 120_000);
    await utimes(lock, long, long);
    await expectWhole((await pull(server)).folder, ONNX);
  });

  test('adds to a snapshot that huggingface_hub made', async () => {
    await using server = await serveHub(repo());
    const snapshot = join(root(), 'snapshots', COMMIT);
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(root(), 'blobs'), { recursive: true });
    await writeFile(join(root(), 'blobs', 'abc'), 'x');
    await symlink('../../blobs/abc', join(snapshot, 'README.md'));
    const { folder } = await pull(server);
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('x');
    await expectWhole(folder, ONNX);
  });

  test('offline takes what is there', async () => {
    const before = { ...process.env };
    process.env['DIPTYCH_CACHE'] = cache;
    try {
      await expect(pullModel(REPO, { offline: true })).rejects.toThrow(/offline/);
      await using server = await serveHub(repo());
      const { folder } = await pull(server);
      server.log.length = 0;
      expect(await pullModel(REPO, { offline: true })).toMatchObject({
        folder,
        commit: COMMIT,
        downloaded: 0,
      });
      await expect(pullModel(REPO, { offline: true, dtype: 'int8' })).rejects.toMatchObject({
        code: 'BAD_OPTION',
      });
      expect(locateModel(REPO).folder).toBe(folder);
      expect(server.log).toEqual([]);
    } finally {
      process.env = before;
    }
  });

  test('a model that nobody has exported says so', () => {
    expect(() => repositoryOf('convnext_base_w/laion2b_s13b_b82k')).toThrow(/training\/export/);
    expect(repositoryOf('ViT-B/32').repo).toBe('Xenova/clip-vit-base-patch32');
    expect(repositoryOf('immich-app/ViT-B-32__openai').repo).toBe('immich-app/ViT-B-32__openai');
  });
});
