import { afterAll, beforeAll, describe, expect, test, jest } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, type CaptionOptions, type Model } from '#diptych/index.js';
import { maxDifference } from '../support/compare.js';
import { find, folders, roots } from '../support/fixtures.js';
import { readFloats } from '../support/npy.js';

// Many sessions are opened: on a machine that others use, too, that takes its time.
jest.setTimeout(240_000);

interface Generation {
  readonly prompt: string;
  readonly num_beams: number;
  readonly max_new_tokens?: number;
  readonly max_length?: number;
  readonly min_length?: number;
  readonly token_ids: readonly (readonly number[])[];
  readonly sequences_scores?: readonly number[];
}

interface Reference {
  readonly texts: readonly string[];
  readonly images: readonly string[];
  readonly generation?: Readonly<Record<string, Generation>>;
}

const cases = roots.flatMap(([where, root]) =>
  folders(root, 'families')
    .filter((name) => existsSync(join(root, 'families', name, 'reference.json')))
    .map((name) => ({
      where,
      name,
      folder: join(root, 'families', name),
      reference: JSON.parse(
        readFileSync(join(root, 'families', name, 'reference.json'), 'utf8'),
      ) as Reference,
    })),
);
const matching = cases.filter(({ folder }) => existsSync(join(folder, 'reference', 'itm_logits.npy')));
const captioning = cases.filter(({ reference }) => reference.generation !== undefined);
const open = (folder: string): Promise<Model> => loadModel(folder, { onWarning: () => undefined });
const pictures = (reference: Reference): string[] => reference.images.map((name) => find('images', name));

describe.each(matching)('matching head of $name of $where', ({ folder, reference }) => {
  const { texts } = reference;
  let model: Model;
  beforeAll(async () => {
    model = await open(folder);
  });
  afterAll(() => model.close());

  test.each([
    ['cls', 'itm_logits'],
    ['enc', 'itm_enc_logits'],
  ] as const)('logits with [%s] first', async (firstToken, name) => {
    const file = join(folder, 'reference', `${name}.npy`);
    if (!existsSync(file)) {
      await expect(model.match(pictures(reference), texts, { firstToken })).rejects.toMatchObject({
        code: 'BAD_OPTION',
      });
      return;
    }
    const { data } = readFloats(file);
    const matches = await model.match(pictures(reference), texts, { firstToken });
    expect(matches.failures).toEqual([]);
    expect([matches.rows, matches.columns]).toEqual([reference.images.length, texts.length]);
    expect(maxDifference(matches.logits, data)).toBeLessThan(1e-4);
    if (firstToken === 'cls') {
      const probabilities = readFloats(join(folder, 'reference', 'itm_probs.npy'));
      expect(maxDifference(matches.data, probabilities.data)).toBeLessThan(1e-4);
    }
  });

  test('writes no captions, and says so', async () => {
    await expect(model.caption([])).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });

  test('a broken image costs only itself', async () => {
    const [first = '', second = ''] = pictures(reference);
    const matches = await model.match([first, Buffer.from('no picture'), second], texts);
    expect(matches.indices).toEqual([0, 2]);
    expect(matches.failures).toEqual([expect.objectContaining({ index: 1 })]);
    const whole = await model.match([first, second], texts);
    expect(maxDifference(matches.logits, whole.logits)).toBeLessThan(1e-5);
  });

  test.each(['text-to-image', 'image-to-text'] as const)(
    'reranks %s as BLIP evaluates',
    async (direction) => {
      const images = pictures(reference);
      const firstToken = existsSync(join(folder, 'reference', 'itm_enc_logits.npy')) ? 'enc' : 'cls';
      const itm = readFloats(
        join(folder, 'reference', firstToken === 'enc' ? 'itm_enc_logits.npy' : 'itm_logits.npy'),
      ).data;
      const itc = readFloats(join(folder, 'reference', 'logits_per_image.npy')).data;
      const k = 3;
      const { rankings, scores } = await model.rerank(images, texts, { direction, k });
      const byImage = direction === 'image-to-text';
      const [queries, candidates] = byImage ? [images.length, texts.length] : [texts.length, images.length];
      expect([scores.rows, scores.columns]).toEqual([queries, candidates]);
      for (let query = 0; query < queries; query++) {
        const cell = (candidate: number): number =>
          byImage ? query * texts.length + candidate : candidate * texts.length + query;
        const best = Array.from({ length: candidates }, (_, candidate) => candidate)
          .sort((a, b) => (itc[cell(b)] ?? 0) - (itc[cell(a)] ?? 0))
          .slice(0, k);
        const expected = Float32Array.from({ length: candidates }, (_, candidate) =>
          best.includes(candidate) ? (itm[2 * cell(candidate) + 1] ?? 0) + (itc[cell(candidate)] ?? 0) : -100,
        );
        expect(
          maxDifference(scores.data.subarray(query * candidates, (query + 1) * candidates), expected),
        ).toBeLessThan(2e-4);
        const ranking = rankings[query]?.candidates ?? [];
        expect(ranking.map(({ index }) => index).sort((a, b) => a - b)).toEqual(
          [...best].sort((a, b) => a - b),
        );
        ranking.slice(1).forEach(({ score }, at) => {
          expect(score).toBeLessThanOrEqual(ranking[at]?.score ?? Infinity);
        });
      }
    },
  );
});

describe.each(captioning)('captions of $name of $where', ({ folder, reference }) => {
  let model: Model;
  beforeAll(async () => {
    model = await open(folder);
  });
  afterAll(() => model.close());

  test.each(Object.keys(reference.generation ?? {}))('%s', async (key) => {
    const wanted = reference.generation?.[key];
    if (wanted === undefined) throw new Error(`no generation ${key}`);
    const options: CaptionOptions = {
      prompt: wanted.prompt,
      numBeams: wanted.num_beams,
      ...(wanted.max_new_tokens === undefined ? {} : { maxNewTokens: wanted.max_new_tokens }),
      ...(wanted.max_length === undefined ? {} : { maxLength: wanted.max_length }),
      ...(wanted.min_length === undefined ? {} : { minLength: wanted.min_length }),
    };
    const images = pictures(reference).slice(0, wanted.token_ids.length);
    const { captions, failures } = await model.caption(images, options);
    expect(failures).toEqual([]);
    expect(captions.map(({ tokenIds }) => tokenIds)).toEqual(wanted.token_ids);
    if (wanted.sequences_scores !== undefined) {
      const scores = captions.map(({ score }) => score ?? NaN);
      expect(maxDifference(scores, wanted.sequences_scores)).toBeLessThan(1e-4);
    }
    const letters = (words: string): string => words.replaceAll(' ', '');
    for (const { caption, text } of captions) {
      expect(letters(text)).toBe(letters(wanted.prompt + caption));
    }
  });

  test('a caption does not depend on the others, nor on broken images among them', async () => {
    const images = pictures(reference).slice(0, 8);
    const options: CaptionOptions = { method: 'nucleus', seed: 3, maxNewTokens: 6 };
    const together = await model.caption(images, options);
    const broken = await model.caption(
      [...images.slice(0, 2), Buffer.from('no picture'), ...images.slice(3)],
      options,
    );
    expect(broken.indices).toEqual([0, 1, 3, 4, 5, 6, 7]);
    expect(broken.captions).toEqual(together.captions.filter((_, index) => index !== 2));
    const other = await model.caption(images, { ...options, seed: 4 });
    expect(other.captions).not.toEqual(together.captions);
    const sliced = await loadModel(folder, { batchSize: 3, onWarning: () => undefined });
    expect((await sliced.caption(images, options)).captions).toEqual(together.captions);
    await sliced.close();
  });

  test('misuse is told', async () => {
    await expect(model.caption([], { maxLength: 100_000 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(model.match([], ['a'])).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
    await expect(model.rerank([], ['a'])).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
    expect((await model.caption([])).captions).toEqual([]);
  });
});
