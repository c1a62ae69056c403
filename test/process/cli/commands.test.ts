import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { diptych, json, repository } from '../../support/command.js';
import { readNpy } from '../../support/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const photos = join(repository, 'examples', 'photos');
const cat = join(photos, 'cat.jpg');
const texts = join(repository, 'examples', 'texts.txt');
const labels = join(repository, 'examples', 'labels.txt');

/** Good photos, and among them what goes wrong in the wild. */
function mixedFolder(): string {
  const folder = join(root, 'mixed');
  mkdirSync(folder, { recursive: true });
  const bytes = readFileSync(cat);
  writeFileSync(join(folder, '1-good.jpg'), bytes);
  writeFileSync(join(folder, '2-truncated.jpg'), bytes.subarray(0, bytes.length / 2));
  writeFileSync(join(folder, '3-empty.jpg'), '');
  writeFileSync(join(folder, '4-text.jpg'), 'this is a text');
  writeFileSync(join(folder, '5-good.jpg'), readFileSync(join(photos, 'coffee.jpg')));
  return folder;
}

describe('classify', () => {
  test('puts the right word first, best first, probabilities summing to 1', async () => {
    const results = (await json(['classify', cat, join(photos, 'coffee.jpg'), '--labels-file', labels])) as {
      image: string;
      labels: { label: string; probability: number; logit: number }[];
    }[];
    expect(results.map(({ image, labels: [best] }) => [image, best?.label])).toEqual([
      [cat, 'cat'],
      [join(photos, 'coffee.jpg'), 'coffee'],
    ]);
    for (const { labels: ranked } of results) {
      expect(Object.keys(ranked[0] ?? {})).toEqual(['label', 'probability', 'logit']);
      expect(ranked).toHaveLength(20);
      expect(ranked.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 4);
      const logits = ranked.map(({ logit }) => logit);
      expect(logits).toEqual([...logits].sort((a, b) => b - a));
    }
  });

  test('a bad image is named, the good ones are classified, exit code 3', async () => {
    const { code, stdout, stderr } = await diptych([
      'classify',
      mixedFolder(),
      '--labels',
      'cat,coffee',
      '--top',
      '1',
    ]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/1-good\.jpg[^\n]*cat/);
    expect(stdout).toMatch(/5-good\.jpg[^\n]*coffee/);
    for (const name of [
      'IMAGE_TRUNCATED: .*2-truncated',
      'IMAGE_EMPTY: .*3-empty',
      'IMAGE_UNSUPPORTED: .*4-text',
    ]) {
      expect(stderr).toMatch(new RegExp(`diptych: ${name}\\.jpg`));
    }
  });
});

describe('embed', () => {
  test('writes rows, metadata and failures as interface.md says', async () => {
    const folder = join(root, 'embedded');
    const mixed = mixedFolder();
    const args = ['embed', mixed, 'no-such-file.png', '--out', folder];
    const { code, stdout } = await diptych([...args, '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 2,
      failed: 4,
      model: 'diptych-mini',
      parts: [{ rows: 2 }],
    });
    const { data, shape } = readNpy(join(folder, 'img_emb', 'img_emb_0.npy'));
    expect(shape[0]).toBe(2);
    const dim = shape[1] ?? 0;
    const norm = Math.hypot(...Array.from(data.subarray(0, dim), Number));
    expect(norm).toBeCloseTo(1, 5);
    const failures = readFileSync(join(folder, 'failures.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(failures.map(({ code: name }) => name)).toEqual([
      'IMAGE_TRUNCATED',
      'IMAGE_EMPTY',
      'IMAGE_UNSUPPORTED',
      'INPUT_NOT_FOUND',
    ]);
    for (const failure of failures)
      expect(Object.keys(failure)).toEqual(['input', 'stage', 'code', 'message']);
    const run = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as Record<string, unknown>;
    expect(run).toMatchObject({ status: 'complete', counts: { inputs: 6, rows: 2, failed: 4 } });

    const again = await diptych(args);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('OUTPUT_EXISTS') });
    const resumed = await diptych([...args, '--resume']);
    expect(resumed.code).toBe(3);
    expect(resumed.stdout).toMatch(/2 rows .* 0 made/);
  });

  test('texts on standard input; the same text has the same row', async () => {
    const folder = join(root, 'texts');
    await json(['embed', '-', '--kind', 'text', '--out', folder], { stdin: 'a cat\na dog\na cat\n' });
    const { data, shape } = readNpy(join(folder, 'text_emb', 'text_emb_0.npy'));
    const dim = shape[1] ?? 0;
    expect(shape[0]).toBe(3);
    expect(data.slice(0, dim)).toEqual(data.slice(2 * dim));
  });

  test('--shard divides the inputs: disjoint and complete', async () => {
    const seen: string[] = [];
    for (const share of ['0/2', '1/2']) {
      const folder = join(root, `share-${share.replace('/', '-')}`);
      await json(['embed', texts, '--out', folder, '--format', 'jsonl', '--shard', share]);
      const lines = readFileSync(join(folder, 'embeddings', 'embeddings_0.jsonl'), 'utf8')
        .trim()
        .split('\n');
      seen.push(...lines.map((line) => (JSON.parse(line) as { text: string }).text));
    }
    expect(seen.sort()).toEqual(readFileSync(texts, 'utf8').trim().split('\n').sort());
  });

  test('--on-error fail stops at the first bad input, exit code 1', async () => {
    const folder = join(root, 'strict');
    const { code, stderr } = await diptych(['embed', mixedFolder(), '--out', folder, '--on-error', 'fail']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/IMAGE_TRUNCATED/);
    expect(readdirSync(folder).some((name) => name.endsWith('.partial'))).toBe(false);
  });

  test('an interrupt finishes the part, exits 130, and --resume completes the run', async () => {
    const folder = join(root, 'interrupted');
    const list = join(root, 'many.txt');
    writeFileSync(list, `${Array.from({ length: 160 }, () => cat).join('\n')}\n`);
    const args = ['embed', list, '--out', folder, '--shard-size', '8', '--batch-size', '4'];
    let sent = false;
    const stopped = await diptych([...args, '--progress', 'json'], {
      onStderr: (_, kill) => {
        if (sent) return;
        sent = true;
        kill('SIGINT');
      },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/--resume/);
    const run = (): { status: string; counts: { rows: number }; parts: { inputs: number }[] } =>
      JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as ReturnType<typeof run>;
    expect(run().status).toBe('stopped');
    expect(run().parts.every(({ inputs }) => inputs === 8)).toBe(true);
    expect(run().counts.rows).toBeLessThan(160);
    const resumed = await diptych([...args, '--resume']);
    expect(resumed.code).toBe(0);
    expect(run()).toMatchObject({ status: 'complete', counts: { rows: 160 } });
  });
});

describe('tokenize, preprocess, models, doctor', () => {
  test('tokenize from arguments and from a file are the same', async () => {
    const file = join(root, 'texts.jsonl');
    const given = ['a photo of a cat', 'two\nlines', 'ünï 🐈'];
    writeFileSync(file, given.map((text) => `${JSON.stringify(text)}\n`).join(''));
    const fromFile = (await json(['tokenize', '--in', file])) as {
      text: string;
      ids: number[];
      attentionMask: unknown;
    }[];
    expect(fromFile).toEqual(await json(['tokenize', ...given]));
    expect(fromFile.map(({ text }) => text)).toEqual(given);
    expect(fromFile[0]?.ids.length).toBeGreaterThan(5);
    writeFileSync(file, '"good"\n42\n');
    expect(await diptych(['tokenize', '--in', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('line 2'),
    });
  });

  test('preprocess writes the tensor, and the pixels with --uint8', async () => {
    const out = join(root, 'x.npy');
    expect(await json(['preprocess', cat, '--out', out])).toMatchObject({ shape: [1, 3, 176, 176] });
    expect(readNpy(out).data).toBeInstanceOf(Float32Array);
    const spec = '{"size": [32, 48], "resizeMode": "squash", "centerCrop": false}';
    const pixels = await json(['preprocess', mixedFolder(), '--out', out, '--uint8', '--spec', spec]);
    expect(pixels).toEqual({ shape: [2, 32, 48, 3], failed: 3 });
    expect(readNpy(out).shape).toEqual([2, 32, 48, 3]);
    for (const type of ['fp16', 'bf16']) {
      expect(await json(['preprocess', cat, '--out', out, '--output-dtype', type])).toMatchObject({
        failed: 0,
      });
      expect(readNpy(out)).toMatchObject({ data: expect.any(Uint16Array), shape: [1, 3, 176, 176] });
    }
    expect(await json(['preprocess', cat, '--out', out, '--max-bytes', '99', '--icc'])).toMatchObject({
      failed: 1,
    });
    expect(await json(['preprocess', cat, '--out', out, '--image-timeout', '100'])).toMatchObject({
      failed: 0,
    });
    expect(await diptych(['preprocess', cat, '--out', out, '--image-timeout', '0'])).toMatchObject({
      code: 2,
    });
    const wrong = await diptych(['preprocess', cat, '--out', out, '--spec', '{"sise": 5}']);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/did you mean size/) });
  });

  test('models list and info', async () => {
    const list = (await json(['models', 'list'])) as { name: string }[];
    expect(list.length).toBeGreaterThanOrEqual(80);
    expect(await json(['models', 'info', 'ViT-B-32/openai'])).toMatchObject({ embeddingDim: 512 });
    expect(await json(['models', 'info', 'diptych-mini'])).toMatchObject({ local: { name: 'diptych-mini' } });
    expect(await diptych(['models', 'info', 'ViT-B-33/openai'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/MODEL_NOT_FOUND.*ViT-B/),
    });
  });

  test('doctor tells what is there', async () => {
    const report = (await json(['doctor'])) as {
      cpu: { kernels: string[]; chosen: string };
      cuda: { reason: string };
    };
    expect(report).toMatchObject({ vips: expect.any(String), onnxruntime: expect.stringMatching(/^1\./) });
    expect(report.cpu.kernels.at(-1)).toBe('reference');
    expect(report.cpu.kernels).toContain(report.cpu.chosen);
    expect(report.cuda.reason).not.toBe('');
  });

  test('doctor explains a kernel that cannot be had, exit code 1', async () => {
    const { code, stdout } = await diptych(['doctor'], { env: { DIPTYCH_KERNEL: 'sse9' } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/KERNEL_UNAVAILABLE.*reference/);
  });
});

describe('streams', () => {
  test('a reader that leaves is no error', async () => {
    const { spawnSync } = await import('node:child_process');
    const program = join(repository, 'dist', 'cli', 'main.js');
    const result = spawnSync('sh', ['-c', `"${process.execPath}" "${program}" models list | head -n 1`], {
      encoding: 'utf8',
    });
    expect(result.stderr).toBe('');
    expect(result.stdout.split('\n')).toHaveLength(2);
  });

  test('--quiet prints nothing but results', async () => {
    const out = join(root, 'quiet');
    expect(await diptych(['embed', texts, '--out', out, '--quiet'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(existsSync(join(out, 'text_emb'))).toBe(true);
  });
});

describe('cuda', () => {
  test('status says in one sentence whether CUDA can be used, and why not', async () => {
    const state = (await json(['cuda', 'status'])) as { usable: boolean; reason: string };
    expect(typeof state.usable).toBe('boolean');
    expect(state.reason.length).toBeGreaterThan(20);
  });

  test('install from a folder that lacks the provider names what is missing', async () => {
    const ran = await diptych(['cuda', 'install', '--from', photos]);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toMatch(/INPUT_NOT_FOUND.*onnxruntime_providers/);
  });
});
