import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '#diptych/index.js';
import { maxDifference } from '../support/compare.js';
import { find } from '../support/fixtures.js';
import { readFloats } from '../support/npy.js';

// fastembed keeps the towers of one CLIP in two repositories (Qdrant/clip-ViT-B-32-vision and -text), each with a
// model.onnx and the configuration of its tower alone, in the hub's cache: links to blobs.
jest.setTimeout(120_000);

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'diptych-fastembed-'));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const source = find('families', 'clip-vit');

interface Reference {
  readonly texts: readonly string[];
  readonly images: readonly string[];
  readonly token_ids: readonly (readonly number[])[];
}

interface Config {
  readonly vision_config: object;
  readonly text_config: object;
  readonly projection_dim: number;
}

/** A repository of the cache with one tower of the fixture; the snapshot's folder. */
async function repository(side: 'vision' | 'text', files: readonly string[]): Promise<string> {
  const root = join(cache, `models--Qdrant--clip-ViT-B-32-${side}`);
  const [blobs, snapshot] = [join(root, 'blobs'), join(root, 'snapshots', '0123abcd')];
  await Promise.all([mkdir(blobs, { recursive: true }), mkdir(snapshot, { recursive: true })]);
  const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8')) as Config;
  const own = {
    ...(side === 'vision' ? config.vision_config : config.text_config),
    model_type: `clip_${side}_model`,
    architectures: [side === 'vision' ? 'CLIPVisionModelWithProjection' : 'CLIPTextModelWithProjection'],
    projection_dim: config.projection_dim,
  };
  await writeFile(join(blobs, 'config.json'), JSON.stringify(own));
  await cp(join(source, `onnx/${side}_model.onnx`), join(blobs, 'model.onnx'));
  for (const file of files) await cp(join(source, file), join(blobs, file));
  for (const file of await readdir(blobs)) await symlink(join('../../blobs', file), join(snapshot, file));
  return snapshot;
}

describe("fastembed's folders", () => {
  const reference = JSON.parse(readFileSync(join(source, 'reference.json'), 'utf8')) as Reference;

  test('the vision tower embeds images and refuses texts', async () => {
    const folder = await repository('vision', ['preprocessor_config.json']);
    await using model = await loadModel(folder, { onWarning: () => undefined });
    const { images } = reference;
    const { data } = await model.embedImages(images.map((name) => find('images', name)));
    expect(maxDifference(data, readFloats(join(source, 'reference/image_embeds.npy')).data)).toBeLessThan(
      1e-4,
    );
    await expect(model.embedTexts('a cat')).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });

  test('the text tower embeds texts and refuses images', async () => {
    const folder = await repository('text', [
      'tokenizer.json',
      'tokenizer_config.json',
      'special_tokens_map.json',
    ]);
    await using model = await loadModel(folder, { onWarning: () => undefined });
    const { texts, token_ids: ids } = reference;
    expect((await model.tokenize(texts)).map((row) => row.ids)).toEqual(ids);
    const { data } = await model.embedTexts(texts);
    expect(maxDifference(data, readFloats(join(source, 'reference/text_embeds.npy')).data)).toBeLessThan(
      1e-4,
    );
    await expect(model.embedImages(Buffer.alloc(10))).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });
});
