import { join } from 'node:path';
import { loadModel } from '#diptych/engine.js';
import { exportAdapted } from '#diptych/tasks/adapt-export.js';
import { maxDifference } from '../../support/compare.js';
import { repository } from '../../support/command.js';
import { local } from '../../support/fixtures.js';
import { temporaryFolder } from '../../support/temporary.js';
import { describe, expect, test } from '@jest/globals';
import { adapt, applyAdapter, type AdaptOptions } from '#diptych/tasks/adapt.js';
import { mersenne } from '#diptych/tasks/mersenne.js';
import { Residual } from '#diptych/tasks/residual.js';

type Features = { data: Float32Array; rows: number; dim: number };

const temporary = temporaryFolder();

/** Images whose class texts are a rotation away: zero-shot fails, a small adapter mends it. */
function turned(rows: number, seed: number): { images: Features; labels: number[]; texts: Features } {
  const random = mersenne(seed);
  const [dim, classes] = [16, 4];
  const texts = new Float32Array(classes * dim);
  for (let c = 0; c < classes; c++) texts[c * dim + c] = 1;
  const labels = Array.from({ length: rows }, (_, row) => row % classes);
  const data = new Float32Array(rows * dim);
  labels.forEach((label, row) => {
    for (let i = 0; i < dim; i++) data[row * dim + i] = 0.15 * (random() - 0.5);
    const at = row * dim + ((label + 1) % classes);
    data[at] = (data[at] ?? 0) + 1;
  });
  return { images: { data, rows, dim }, labels, texts: { data: texts, rows: classes, dim } };
}

function accuracy(rows: Features, labels: number[], texts: Features): number {
  let hits = 0;
  for (let row = 0; row < rows.rows; row++) {
    const scores = Array.from({ length: texts.rows }, (_, c) => {
      let dot = 0;
      for (let i = 0; i < rows.dim; i++)
        dot += (rows.data[row * rows.dim + i] ?? 0) * (texts.data[c * rows.dim + i] ?? 0);
      return dot;
    });
    if (scores.indexOf(Math.max(...scores)) === labels[row]) hits++;
  }
  return hits / rows.rows;
}

test('an adapter learns what zero-shot gets wrong, the same on any threads, and survives its file', async () => {
  const { images, labels, texts } = turned(400, 1);
  const fresh = turned(200, 2);
  expect(accuracy(fresh.images, fresh.labels, texts)).toBe(0);
  const losses: number[] = [];
  const options = { hidden: 32, epochs: 20, batchSize: 64, learningRate: 5e-3 };
  const one = await adapt(images, labels, texts, {
    ...options,
    threads: 1,
    onProgress: (_, loss) => void losses.push(loss),
  });
  expect(one.before).toBe(0);
  expect(one.accuracy).toBe(1);
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 10);
  const adapted = await applyAdapter(one.adapter, fresh.images);
  expect(accuracy(adapted, fresh.labels, texts)).toBeGreaterThan(0.99);
  const two = await adapt(images, labels, texts, { ...options, threads: 3 });
  expect(JSON.stringify(two.adapter)).toBe(JSON.stringify(one.adapter));
  const read = Residual.from(JSON.parse(JSON.stringify(one.adapter)));
  expect(maxDifference((await applyAdapter(read, fresh.images)).data, adapted.data)).toBeLessThan(1e-6);
});

test.each([
  ['text', 'residual'],
  ['both', 'residual'],
  ['image', 'linear'],
] as const)('side %s, %s: learns as well', async (side, kind) => {
  const { images, labels, texts } = turned(400, 1);
  const fresh = turned(200, 2);
  const found = await adapt(images, labels, texts, {
    side,
    kind,
    hidden: 32,
    epochs: 30,
    learningRate: 1e-2,
  });
  expect([found.adapter === null, found.textAdapter === null]).toEqual([side === 'text', side === 'image']);
  const rows = await applyAdapter(found.adapter, fresh.images);
  expect(accuracy(rows, fresh.labels, await applyAdapter(found.textAdapter, texts))).toBeGreaterThan(0.95);
});

test('exported, the model gives the adapted rows', async () => {
  await using model = await loadModel(join(local, 'families', 'clip-vit'));
  const images = await model.embedImages([join(repository, 'examples/photos/cat.jpg')]);
  const texts = await model.embedTexts(['a cat', 'a rocket']);
  const random = mersenne(3);
  const adapters = ['residual', 'linear'].map((kind) => {
    const adapter = new Residual(images.dim, 7, random, kind === 'linear' ? 'linear' : 'residual');
    const [inner] = adapter.snapshot();
    adapter.restore([inner, Float32Array.from({ length: 7 * images.dim }, () => random() - 0.5)]);
    return adapter;
  });
  const [image = null, text = null] = adapters;
  const folder = join(temporary, 'adapted');
  await exportAdapted(model.description, { image, text }, folder);
  await using adapted = await loadModel(folder);
  const [found, named] = [
    await adapted.embedImages([join(repository, 'examples/photos/cat.jpg')]),
    await adapted.embedTexts(['a cat', 'a rocket']),
  ];
  expect(maxDifference(found.data, (await applyAdapter(image, images)).data)).toBeLessThan(1e-5);
  expect(maxDifference(named.data, (await applyAdapter(text, texts)).data)).toBeLessThan(1e-5);
  await expect(exportAdapted(model.description, { image }, folder)).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
  });
  const wrong = new Residual(3, 2, random);
  await expect(
    exportAdapted(model.description, { image: wrong }, join(temporary, 'none')),
  ).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' });
});

test('untrained, it changes nothing but the length', async () => {
  const { images } = turned(8, 3);
  const adapter = new Residual(16, 4, mersenne(0));
  const { data } = await applyAdapter(adapter, images);
  for (let row = 0; row < 8; row++) {
    const from = Math.hypot(...images.data.subarray(row * 16, row * 16 + 16));
    for (let i = row * 16; i < row * 16 + 16; i++)
      expect(data[i]).toBeCloseTo((images.data[i] ?? 0) / from, 5);
  }
});

test('the gradient is that of the loss', async () => {
  const { images } = turned(6, 4);
  const random = mersenne(9);
  const slope = Float32Array.from({ length: 6 * 16 }, () => random() - 0.5);
  const value = async (adapter: Residual): Promise<number> => {
    const { output } = await adapter.forward(images, 1, null);
    return output.data.reduce((sum, x, i) => sum + x * (slope[i] ?? 0), 0);
  };
  const adapter = new Residual(16, 8, mersenne(1));
  const [inner] = adapter.snapshot();
  adapter.restore([inner, Float32Array.from({ length: 8 * 16 }, () => random() - 0.5)]);
  const before = await value(adapter);
  // A small step against the gradient lowers the loss (Adam's first step moves each weight by the rate).
  await adapter.backward(await adapter.forward(images, 1, null), slope, {
    rate: 1e-4,
    decay: 0,
    threads: 1,
    signal: null,
  });
  expect(await value(adapter)).toBeLessThan(before);
});

describe('misuse is told', () => {
  const { images, labels, texts } = turned(20, 5);
  test.each([
    ['a label that is no text', images, [...labels.slice(1), 9], texts, {}, 'BAD_INPUT'],
    ['too few labels', images, [0], texts, {}, 'DIMENSION_MISMATCH'],
    [
      'texts of another size',
      images,
      labels,
      { data: new Float32Array(8), rows: 2, dim: 4 },
      {},
      'DIMENSION_MISMATCH',
    ],
    ['an unknown option', images, labels, texts, { epoch: 3 }, 'BAD_OPTION'],
  ])('%s', async (_, rows, wanted, targets, options, code) => {
    await expect(adapt(rows, wanted, targets, options as AdaptOptions)).rejects.toMatchObject({ code });
  });
  test('a file that is no adapter', () => {
    for (const wrong of [null, {}, { kind: 'residual', dim: 2, hidden: 2, inner: '', outer: '' }])
      expect(() => Residual.from(wrong)).toThrow(expect.objectContaining({ code: 'INPUT_UNREADABLE' }));
  });
});
