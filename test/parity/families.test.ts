import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, type Model } from '#diptych/index.js';
import { folders, roots, find } from '../support/fixtures.js';
import { readFloats } from '../support/npy.js';
import { maxDifference, minCentredCosine } from '../support/compare.js';

interface Reference {
  readonly family: string;
  readonly texts: readonly string[];
  readonly token_ids: readonly (readonly number[])[];
  readonly images: readonly string[];
  readonly logit_scale: number | null;
  readonly logit_bias: number | null;
  readonly embedding_dim: number | null;
}

/** Largest difference of unit vectors that different CPUs and batch sizes may make in fp32. */
const EMBEDDING_TOLERANCE = 1e-4;

const cases = roots.flatMap(([where, root]) =>
  folders(root, 'families').map((name) => ({ where, name, folder: join(root, 'families', name) })),
);

describe.each(cases)('$name of $where', ({ folder }) => {
  const reference = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference;
  const expected = (name: string): string => join(folder, 'reference', `${name}.npy`);
  let model: Model;
  beforeAll(async () => {
    const scale = {
      ...(reference.logit_scale === null ? {} : { logitScale: reference.logit_scale }),
      ...(reference.logit_bias === null ? {} : { logitBias: reference.logit_bias }),
    };
    model = await loadModel(folder, { ...scale, onWarning: () => undefined });
  });
  afterAll(() => model.close());

  (existsSync(expected('image_embeds')) ? test : test.skip)('images', async () => {
    const { data, shape } = readFloats(expected('image_embeds'));
    const images = await model.embedImages(reference.images.map((name) => find('images', name)));
    expect(images.failures).toEqual([]);
    expect(images.data.length).toBe(data.length);
    expect(images.dim).toBe(shape[shape.length - 1]);
    expect(maxDifference(images.data, data)).toBeLessThan(EMBEDDING_TOLERANCE);
    expect(minCentredCosine(images.data, data, images.dim)).toBeGreaterThan(0.99999);
  });

  (existsSync(expected('text_embeds')) ? test : test.skip)('texts', async () => {
    const { data } = readFloats(expected('text_embeds'));
    const texts = await model.embedTexts(reference.texts);
    expect(texts.failures).toEqual([]);
    expect(maxDifference(texts.data, data)).toBeLessThan(EMBEDDING_TOLERANCE);
    expect(minCentredCosine(texts.data, data, texts.dim)).toBeGreaterThan(0.99999);
  });

  (reference.texts.length > 0 ? test : test.skip)('token ids', async () => {
    const tokens = await model.tokenize(reference.texts);
    expect(tokens.map(({ ids }) => ids)).toEqual(reference.token_ids);
  });

  (existsSync(expected('logits_per_image')) ? test : test.skip)('logits and probabilities', async () => {
    const images = await model.embedImages(reference.images.map((name) => find('images', name)));
    const texts = await model.embedTexts(reference.texts);
    const logits = await model.logits(images, texts);
    const wanted = readFloats(expected('logits_per_image'));
    expect([logits.rows, logits.columns]).toEqual(wanted.shape);
    const scale = reference.logit_scale ?? 1;
    expect(maxDifference(logits.data, wanted.data) / scale).toBeLessThan(EMBEDDING_TOLERANCE);
    if (!existsSync(expected('probs'))) return;
    const probabilities = await model.probabilities(images, texts);
    expect(maxDifference(probabilities.data, readFloats(expected('probs')).data)).toBeLessThan(1e-3);
  });

  (existsSync(expected('image_embeds')) ? test : test.skip)(
    'the batch size and the order change nothing',
    async () => {
      const files = reference.images.map((name) => find('images', name));
      const one = await model.embedImages(files);
      const single = await loadModel(folder, { batchSize: 1, onWarning: () => undefined });
      try {
        const reversed = await single.embedImages([...files].reverse());
        const stride = one.dim * one.vectors;
        for (let row = 0; row < one.rows; row++) {
          const other = one.rows - 1 - row;
          const difference = maxDifference(
            one.data.subarray(row * stride, (row + 1) * stride),
            reversed.data.subarray(other * stride, (other + 1) * stride),
          );
          expect(difference).toBeLessThan(1e-5);
        }
      } finally {
        await single.close();
      }
    },
  );
});
