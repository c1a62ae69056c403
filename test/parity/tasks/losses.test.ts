import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { clipLoss, siglipLoss, type ContrastiveLoss } from '#diptych/tasks/contrastive.js';
import { maxDifference } from '../../support/compare.js';
import { local } from '../../support/fixtures.js';
import { readFloats } from '../../support/npy.js';

interface Numbers {
  readonly loss: number;
  readonly scale_gradient: number;
  readonly bias_gradient: number;
}
interface Case {
  readonly name: string;
  readonly pairs: number;
  readonly dim: number;
  readonly scale: number;
  readonly bias: number;
  readonly clip: Numbers;
  readonly siglip: Numbers;
}

const folder = join(local, 'tasks', 'losses');
const index = JSON.parse(readFileSync(join(folder, 'losses.json'), 'utf8')) as { cases: Case[] };
const floats = (name: string): Float32Array => readFloats(join(folder, `${name}.npy`)).data;

function check(actual: ContrastiveLoss, expected: Numbers, name: string): void {
  expect(Math.abs(actual.loss - expected.loss)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected.loss)));
  const gradients = actual.gradients;
  if (gradients === null) throw new Error('no gradients');
  expect(maxDifference(gradients.images, floats(`${name}-image-gradient`))).toBeLessThan(1e-5);
  expect(maxDifference(gradients.texts, floats(`${name}-text-gradient`))).toBeLessThan(1e-5);
  expect(Math.abs(gradients.logitScale - expected.scale_gradient)).toBeLessThan(1e-5);
  expect(Math.abs(gradients.logitBias - expected.bias_gradient)).toBeLessThan(1e-5);
}

describe("losses and gradients are open_clip's with torch's autograd", () => {
  test.each(index.cases.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const images = { data: floats(`${name}-images`), rows: one.pairs, dim: one.dim };
    const texts = { data: floats(`${name}-texts`), rows: one.pairs, dim: one.dim };
    const clip = await clipLoss(images, texts, { logitScale: one.scale, gradients: true, threads: 2 });
    check(clip, one.clip, `${name}-clip`);
    expect(clip.loss).toBeCloseTo((clip.imageLoss + clip.textLoss) / 2, 12);
    const options = { logitScale: one.scale, logitBias: one.bias, gradients: true, threads: 2 };
    check(await siglipLoss(images, texts, options), one.siglip, `${name}-siglip`);
    const alone = await siglipLoss(images, texts, { ...options, gradients: false });
    expect(alone.gradients).toBeNull();
    expect(Math.abs(alone.loss - one.siglip.loss)).toBeLessThan(1e-5 * Math.max(1, one.siglip.loss));
  });
});

test('threads and an empty side', async () => {
  const name = '400x8';
  const images = { data: floats(`${name}-images`), rows: 400, dim: 8 };
  const texts = { data: floats(`${name}-texts`), rows: 400, dim: 8 };
  for (const loss of [clipLoss, siglipLoss]) {
    const one = await loss(images, texts, { logitScale: 50, gradients: true, threads: 1 });
    const four = await loss(images, texts, { logitScale: 50, gradients: true, threads: 4 });
    expect(four).toEqual(one);
  }
  const none = { data: new Float32Array(), rows: 0, dim: 8 };
  await expect(clipLoss(none, none, { logitScale: 1 })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  const fewer = { data: images.data.slice(8), rows: 399, dim: 8 };
  await expect(clipLoss(images, fewer, { logitScale: 1 })).rejects.toMatchObject({
    code: 'DIMENSION_MISMATCH',
  });
  const narrow = { data: images.data, rows: 800, dim: 4 };
  await expect(clipLoss(images, narrow, { logitScale: 1 })).rejects.toMatchObject({
    code: 'DIMENSION_MISMATCH',
  });
  await expect(clipLoss(images, texts, { logitScale: Infinity })).rejects.toMatchObject({
    code: 'BAD_OPTION',
  });
});
