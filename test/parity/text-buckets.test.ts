import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Model } from '#diptych/engine.js';
import { describeModel } from '#diptych/models/describe.js';
import { parseModelOptions } from '#diptych/options.js';

const families = fileURLToPath(new URL('../fixtures/families', import.meta.url));
const texts = [
  'a',
  'a cat',
  'two dogs on a red sofa',
  'x '.repeat(200),
  'a cat',
  'été 猫 🐈 in the snow at night',
];
const models: Model[] = [];
afterAll(() => Promise.all(models.map((model) => model.close())));

/** A fixture's model; `bucketable` null leaves it as its family has it. */
async function open(family: string, bucketable: boolean | null): Promise<Model> {
  const description = await describeModel(join(families, family), { dtype: 'auto' });
  const { text } = description;
  if (text === null) throw new Error(`${family} has no text tower`);
  const plan = bucketable === null ? text.plan : { ...text.plan, bucketable };
  const options = parseModelOptions({ device: 'cpu', threads: 1, onWarning: () => undefined });
  const model = new Model({ ...description, text: { ...text, plan } }, options);
  models.push(model);
  return model;
}

describe.each(['clip-vit', 'clip-combined', 'chinese-clip'])('%s', (family) => {
  test('captions encoded no longer than they are equal those at full length', async () => {
    const [own, full] = [await open(family, null), await open(family, false)];
    const [short, long] = [await own.embedTexts(texts), await full.embedTexts(texts)];
    expect(short.rows).toBe(texts.length);
    const distance = short.data.reduce((most, x, i) => Math.max(most, Math.abs(x - (long.data[i] ?? 0))), 0);
    expect(distance).toBeLessThan(2e-6);
  }, 240_000);
});

test('SigLIP attends to its padding, so its texts keep their full length', async () => {
  const model = await open('siglip', null);
  expect(model.description.text?.plan.bucketable).toBe(false);
});
