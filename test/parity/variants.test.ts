import { describe, expect, jest, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, type Embeddings, type Model } from '#diptych/index.js';
import { readNpy } from '#diptych/output/npy.js';
import { maxDifference, minCosine } from '#diptych/tasks/verify/compare.js';
import { folders, roots, find } from '../support/fixtures.js';

// The fp16 and int8 files of a folder, against what onnxruntime made of the very same files in Python.
jest.setTimeout(240_000);

/** int8 arithmetic differs between CPUs: the stored numbers are of one with AVX-512 VNNI. */
const KINDS = [
  ['fp16', 'fp16', 0.999],
  ['int8', 'quantized', 0.99],
] as const;

interface Reference {
  readonly texts: readonly string[];
  readonly images: readonly string[];
}

const cases = roots.flatMap(([where, root]) =>
  folders(root, 'families').flatMap((name) =>
    KINDS.map(([dtype, stored, cosine]) => {
      const folder = join(root, 'families', name);
      return { where, name, folder, dtype, cosine, stored: join(folder, 'reference', stored) };
    }),
  ),
);

const open = (folder: string, dtype: 'fp16' | 'int8', batchSize?: number): Promise<Model> =>
  loadModel(folder, {
    dtype,
    device: 'cpu',
    onWarning: () => undefined,
    ...(batchSize === undefined ? {} : { batchSize }),
  });

/** Rows of `made` in the opposite order. */
function reversed({ data, dim, rows }: Embeddings): Float32Array {
  return Float32Array.from(data, (_, at) => {
    const row = rows - 1 - Math.floor(at / dim);
    return data[row * dim + (at % dim)] ?? NaN;
  });
}

describe.each(cases.filter(({ stored }) => existsSync(join(stored, 'image_embeds_raw.npy'))))(
  '$dtype of $name of $where',
  ({ folder, dtype, stored, cosine }) => {
    const reference = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference;
    const pictures = reference.images.map((name) => find('images', name));

    test('embeddings are those of onnxruntime in Python', async () => {
      const model = await open(folder, dtype);
      const images = await model.embedImages(pictures);
      const texts = await model.embedTexts(reference.texts);
      await model.close();
      const expected = async (name: string): Promise<Float32Array> =>
        (await readNpy(join(stored, `${name}_raw.npy`))).data;
      expect(minCosine(images.data, await expected('image_embeds'), images.dim)).toBeGreaterThan(cosine);
      expect(minCosine(texts.data, await expected('text_embeds'), texts.dim)).toBeGreaterThan(cosine);
    });

    test('neither batch size nor order matters', async () => {
      const some = reference.texts.slice(0, 9);
      const alone = await open(folder, dtype, 1);
      const singles = [await alone.embedImages(pictures), await alone.embedTexts(some)] as const;
      await alone.close();
      const together = await open(folder, dtype, 16);
      const images = await together.embedImages([...pictures].reverse());
      const texts = await together.embedTexts([...some].reverse());
      await together.close();
      expect(maxDifference(reversed(images), singles[0].data)).toBeLessThan(1e-5);
      expect(maxDifference(reversed(texts), singles[1].data)).toBeLessThan(1e-5);
    });
  },
);
