import { afterEach, beforeEach, describe, expect, test, jest } from '@jest/globals';
import { encode } from 'fast-png';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel, verifyModel, type VerifyReport } from '#diptych/index.js';
import { Model } from '#diptych/engine.js';
import type { PreprocessSpec } from '#diptych/image/spec.js';
import type { ModelDescription } from '#diptych/models/card.js';
import { describeModel } from '#diptych/models/describe.js';
import { parseModelOptions } from '#diptych/options.js';
import { randomFrom } from '#diptych/tasks/generate/random.js';
import { withOtherActivation } from '#diptych/tasks/verify/activation.js';
import { closestPair, maxDifference, minCosine, rankingAgreement } from '#diptych/tasks/verify/compare.js';
import { find, whole } from '../support/fixtures.js';

// Many sessions are opened: on a machine that others use, too, that takes its time.
jest.setTimeout(240_000);

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const images = find('images');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diptych-verify-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A copy of a fixture, to spoil. */
async function copyOf(name: string): Promise<string> {
  await cp(find('families', name), folder, { recursive: true });
  return folder;
}

/** Fewer graphs to look over: without the variants, and without texts where `side` is the image's. */
async function lean(side: 'image' | 'both'): Promise<void> {
  for (const name of await readdir(join(folder, 'onnx'))) {
    if (/_(fp16|quantized)/.test(name) || (side === 'image' && name.startsWith('text')))
      await rm(join(folder, 'onnx', name));
  }
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, file);
  const before = await readFile(path, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(path, after);
}

const verify = (reference = join(folder, 'reference.json')): Promise<VerifyReport> =>
  verifyModel(folder, { reference, images });
const state = (report: VerifyReport, check: string): string | undefined =>
  report.rows.find((row) => row.check === check)?.state;
const detail = (report: VerifyReport, check: string): string =>
  report.rows.find((row) => row.check === check)?.detail ?? '';

/** Unit rows as .npy, as numpy writes them. */
async function writeRows(file: string, data: Float32Array, dim: number): Promise<void> {
  const shape = `(${String(data.length / dim)}, ${String(dim)})`;
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const start = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header.padEnd(117)}\n`, 'latin1');
  await writeFile(
    file,
    Buffer.concat([start, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]),
  );
}

/** Pictures that every rule makes something else of: wide by an odd number of pixels, tall, with alphas. */
async function makePictures(size: number): Promise<string[]> {
  const random = randomFrom(6, 0);
  const sides: readonly (readonly [number, number, 3 | 4])[] = [
    [size + 3, size, 3],
    [size, size + 7, 3],
    [3 * size, 2 * size, 4],
  ];
  return Promise.all(
    sides.map(async ([width, height, channels], index) => {
      // Blocks of colour with noise on them.
      const data = Uint8Array.from(
        { length: width * height * channels },
        (_, at) => 32 * Math.floor(at / (5 * channels)) + random() * 60,
      );
      const name = `picture-${String(index)}.png`;
      await writeFile(join(folder, name), encode({ width, height, data, channels, depth: 8 }));
      return name;
    }),
  );
}

/** Replaces the reference by what a changed model makes of the pictures and of three texts. */
async function referenceFrom(change: (description: ModelDescription) => ModelDescription): Promise<void> {
  const description = await describeModel(folder, {});
  const size = description.image?.spec.size;
  const pictures = await makePictures(typeof size === 'number' ? size : 32);
  const texts = ['a cat', 'two dogs in the snow', 'plain words'];
  const options = parseModelOptions({ device: 'cpu', onWarning: () => undefined }, 1);
  const model = new Model(change(description), options);
  const images = await model.embedImages(pictures.map((name) => join(folder, name)));
  const rows = description.text === null ? null : await model.embedTexts(texts);
  await model.close();
  await writeRows(join(folder, 'reference', 'image_embeds.npy'), images.data, images.dim);
  await rm(join(folder, 'reference', 'text_embeds.npy'));
  if (rows !== null) await writeRows(join(folder, 'reference', 'text_embeds.npy'), rows.data, rows.dim);
  await writeFile(join(folder, 'reference.json'), JSON.stringify({ images: pictures, texts }));
}

const verifyOwn = (): Promise<VerifyReport> =>
  verifyModel(folder, { reference: join(folder, 'reference.json') });

describe('models verify', () => {
  test.each<[string, Partial<PreprocessSpec>, string]>([
    ['crop rounding', { cropRounding: 'half-even' }, 'crop rounding half-even (here floor)'],
    ['RGB conversion', { rgb: 'after', transparency: 'keep' }, 'RGB conversion after (here before)'],
    ['blended alpha', { transparency: 'blend' }, 'transparency blend (here white)'],
    ['squash', { resizeMode: 'squash', centerCrop: false }, 'resize squash (here shortest)'],
    ['interpolation', { interpolation: 'bilinear' }, 'interpolation bilinear (here bicubic)'],
    ['normalisation', { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, 'a mean and deviation of 0.5'],
  ])('names the culprit: %s', async (_name, spec, words) => {
    await copyOf('clip-vit');
    await lean('image');
    await referenceFrom((description) => {
      const { image } = description;
      return image === null
        ? description
        : { ...description, image: { ...image, spec: { ...image.spec, ...spec } } };
    });
    const report = await verifyOwn();
    expect(detail(report, 'reference: images')).toContain(`culprit: the reference was made with ${words}`);
  });

  test('names the activation, of either tower', async () => {
    await copyOf('clip-vit');
    await lean('both');
    const description = await describeModel(folder, {});
    const swap = (side: 'image' | 'text', then: (file: string) => Promise<void>): Promise<string | null> =>
      withOtherActivation(description, side, async (file, { here, there }) => {
        await then(file);
        return `${here} ${there}`;
      });
    const outer = await swap('image', async (imageFile) => {
      const inner = await swap('text', (textFile) =>
        referenceFrom((model) => ({
          ...model,
          image: model.image && { ...model.image, graph: { ...model.image.graph, file: imageFile } },
          text: model.text && { ...model.text, graph: { ...model.text.graph, file: textFile } },
        })),
      );
      expect(inner).toBe('QuickGELU GELU');
    });
    expect(outer).toBe('QuickGELU GELU');
    const report = await verifyOwn();
    const culprit =
      'culprit: the activation; the reference was made with GELU, and the graph computes QuickGELU';
    expect(detail(report, 'reference: images')).toContain(culprit);
    expect(detail(report, 'reference: texts')).toContain(culprit);
  });

  test('a sound folder passes every check, also against its reference', async () => {
    await copyOf('blip-itm');
    const report = await verify();
    expect(report.rows.filter((row) => row.state === 'fail')).toEqual([]);
    expect(report.ok).toBe(true);
    for (const check of [
      'images: batch and order',
      'texts: norms',
      'token ids',
      'truncation',
      'reference: images',
    ]) {
      expect([check, state(report, check)]).toEqual([check, 'ok']);
    }
  });

  test('names the interpolation that the reference was made with', async () => {
    await copyOf('blip-itm');
    await edit('preprocessor_config.json', (text) => text.replace('"resample": 3', '"resample": 2'));
    const report = await verify();
    expect(report.ok).toBe(false);
    expect(detail(report, 'reference: images')).toContain('made with interpolation bicubic (here bilinear)');
    expect(state(report, 'reference: token ids')).toBe('ok');
  });

  test('names the padding', async () => {
    await copyOf('blip-itm');
    await edit('reference.json', (text) => {
      const reference = JSON.parse(text) as { token_ids: number[][] };
      const padded = reference.token_ids.map((ids) => ids.map((id) => (id === 0 ? 9 : id)));
      return JSON.stringify({ ...reference, token_ids: padded });
    });
    expect(detail(await verify(), 'reference: token ids')).toContain('culprit: padding (there with 9');
  });

  test('says that a change of the weights is no matter of preprocessing', async () => {
    await copyOf('blip-itm');
    const file = join(folder, 'reference', 'image_embeds.npy');
    const bytes = await readFile(file);
    for (let at = bytes.length - 512; at + 3 < bytes.length; at += 4) bytes.writeFloatLE(0.25, at);
    await writeFile(file, bytes);
    const report = await verify();
    expect(detail(report, 'reference: images')).toContain('no single change');
    expect(state(report, 'reference: texts')).toBe('ok');
  });

  (whole === undefined ? test.skip : test)('names missing ftfy and EXIF orientation', async () => {
    await copyOf('clip-vit');
    const texts = ['it\u2019s a \u201cphoto\u201d', 'fish &amp; chips', 'plain words'];
    const official = await loadModel(folder, { textCleaning: 'openai', onWarning: () => undefined });
    const tokenIds = (await official.tokenize(texts)).map(({ ids }) => ids);
    const turned = await loadModel(folder, { autoOrient: true, onWarning: () => undefined });
    const files = ['exif_6.jpg', 'exif_8.jpg', 'photo_444.jpg'];
    const { data, dim } = await turned.embedImages(files.map((name) => join(images, name)));
    await Promise.all([official.close(), turned.close()]);
    await writeRows(join(folder, 'reference', 'image_embeds.npy'), data, dim);
    await rm(join(folder, 'reference', 'text_embeds.npy'));
    await writeFile(
      join(folder, 'reference.json'),
      JSON.stringify({ images: files, texts, token_ids: tokenIds }),
    );
    const report = await verify();
    expect(detail(report, 'reference: token ids')).toContain('mended by ftfy as openai/CLIP');
    expect(detail(report, 'reference: images')).toContain('EXIF orientation applied: true');
  });

  test('a folder that cannot be opened is an error that names the file', async () => {
    await copyOf('blip-itm');
    await truncate(join(folder, 'onnx/vision_model.onnx'), 5000);
    await expect(verify()).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('vision_model.onnx') as unknown,
    });
    const empty = join(folder, 'onnx', 'nothing.json');
    await writeFile(empty, '{}');
    await expect(verify(empty)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('prints a table for an issue, or JSON, and fails when a check does', async () => {
    await copyOf('blip-itm');
    await edit('preprocessor_config.json', (text) => text.replace('"resample": 3', '"resample": 2'));
    const run = (...args: string[]): Promise<{ code: number; stdout: string }> =>
      new Promise((resolve) => {
        execFile(process.execPath, [main, 'models', 'verify', folder, ...args], (error, stdout) => {
          resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout });
        });
      });
    const plain = await run();
    expect(plain.code).toBe(0);
    expect(plain.stdout).toMatch(
      /^\| check \| result \| what was found \|\n\| --- \| --- \| --- \|\n\| layout \| ok \|/m,
    );
    const checked = await run('--reference', join(folder, 'reference.json'), '--images', images, '--json');
    expect(checked.code).toBe(1);
    expect((JSON.parse(checked.stdout) as VerifyReport).ok).toBe(false);
  });
});

describe('what is compared', () => {
  test('differences, cosines, closest pairs and rankings', () => {
    const a = Float32Array.of(1, 0, 0, 1, 0.6, 0.8);
    const b = Float32Array.of(1, 0, 0, 1, 0.8, 0.6);
    expect(maxDifference(a, b)).toBeCloseTo(0.2, 6);
    expect(maxDifference(a, Float32Array.of(1))).toBe(Infinity);
    expect(maxDifference([NaN], [NaN])).toBe(Infinity);
    expect(minCosine(a, b, 2)).toBeCloseTo(0.96, 6);
    expect(closestPair(a, 2)).toBeCloseTo(0.8, 6);
    expect(rankingAgreement(a, a, 2, 1)).toBe(1);
    expect(rankingAgreement(a, b, 2, 1)).toBeLessThan(1);
  });
});
