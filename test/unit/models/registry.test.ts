import { describe, expect, test } from '@jest/globals';
import { DiptychError } from '#diptych/errors.js';
import { listModels, modelInfo } from '#diptych/models/catalog.js';
import { neededFiles } from '#diptych/models/hub-files.js';
import { nameKey, nearNames } from '#diptych/models/names.js';
import { allCards, findCard, findCardOfFolder, namesOf, unknownModel } from '#diptych/models/registry.js';

describe('the registry', () => {
  test('holds at least 80 models with the facts that a user asks for', () => {
    expect(allCards().length).toBeGreaterThanOrEqual(80);
    for (const card of allCards()) {
      expect(card.imageSize).toBeGreaterThanOrEqual(224);
      expect(card.licence).not.toBe('');
      expect(card.weights ?? card.onnx[0] ?? null).not.toBeNull();
      if (card.family !== 'blip-caption') {
        expect(card.embeddingDim).toBeGreaterThanOrEqual(256);
        expect(card.contextLength).toBeGreaterThanOrEqual(16);
      }
      if (card.logitScale !== null) expect(card.logitScaleSource).not.toBeNull();
      if (card.activation === 'softmax') expect(card.logitBias).toBeNull();
      for (const { repo } of card.onnx) expect(repo).toMatch(/^[\w.-]+\/[\w.-]+$/);
    }
  });

  test('gives every name to one model only', () => {
    const owners = new Map<string, string>();
    for (const card of allCards()) {
      for (const name of namesOf(card)) {
        const owner = owners.get(nameKey(name)) ?? card.name;
        expect(`${name} -> ${owner}`).toBe(`${name} -> ${card.name}`);
        owners.set(nameKey(name), card.name);
      }
    }
  });

  test.each([
    ['ViT-B/32', 'ViT-B-32/openai'],
    ['vit-b/32', 'ViT-B-32/openai'],
    ['ViT-B-32/openai', 'ViT-B-32/openai'],
    ['ViT-B-32::openai', 'ViT-B-32/openai'],
    ['ViT-B-32,openai', 'ViT-B-32/openai'],
    ['ViT-B-32-quickgelu, openai', 'ViT-B-32/openai'],
    ['ViT-B-32__openai', 'ViT-B-32/openai'],
    ['openai/clip-vit-base-patch32', 'ViT-B-32/openai'],
    ['hf-hub:openai/clip-vit-base-patch32', 'ViT-B-32/openai'],
    ['hf_clip:openai/clip-vit-base-patch32', 'ViT-B-32/openai'],
    ['https://huggingface.co/openai/clip-vit-base-patch32/', 'ViT-B-32/openai'],
    ['Xenova/clip-vit-base-patch32', 'ViT-B-32/openai'],
    ['ViT-L/14@336px', 'ViT-L-14-336/openai'],
    ['RN50x64', 'RN50x64/openai'],
    ['open_clip:ViT-B-32/laion2b_s34b_b79k', 'ViT-B-32/laion2b_s34b_b79k'],
    ['ViT-B-32__laion2b-s34b-b79k', 'ViT-B-32/laion2b_s34b_b79k'],
    ['laion/CLIP-ViT-B-32-laion2B-s34B-b79K', 'ViT-B-32/laion2b_s34b_b79k'],
    ['hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K', 'ViT-H-14/laion2b_s32b_b79k'],
    ['google/siglip-base-patch16-224', 'ViT-B-16-SigLIP/webli'],
    ['hf-hub:timm/ViT-B-16-SigLIP2', 'ViT-B-16-SigLIP2/webli'],
    ['OFA-Sys/chinese-clip-vit-base-patch16', 'OFA-Sys/chinese-clip-vit-base-patch16'],
    ['Salesforce/blip-itm-base-coco', 'Salesforce/blip-itm-base-coco'],
    ['apple/MobileCLIP-S2', 'MobileCLIP-S2/datacompdr'],
    ['facebook/metaclip-b32-400m', 'ViT-B-32-quickgelu/metaclip_400m'],
    ['ViT-B-32/metaclip_400m', 'ViT-B-32-quickgelu/metaclip_400m'],
    ['ViT-H-14__dfn5b', 'ViT-H-14-quickgelu/dfn5b'],
  ])('finds %s', (name, expected) => {
    expect(findCard(name)?.card.name).toBe(expected);
  });

  test('means the repository that was named, not the preferred one', () => {
    expect(findCard('immich-app/ViT-B-32__openai')?.source?.layout).toBe('immich');
    expect(findCard('Xenova/clip-vit-base-patch32')?.source?.layout).toBe('transformers.js');
    expect(findCard('ViT-B/32')?.source).toBeNull();
  });

  test('knows a folder of the hub cache by its path', () => {
    const folder = '/cache/hub/models--Xenova--clip-vit-base-patch32/snapshots/0123abcd';
    expect(findCardOfFolder(folder)?.card.name).toBe('ViT-B-32/openai');
    expect(findCardOfFolder('/home/me/some-model')).toBeUndefined();
  });

  test('lists near names for a mistyped one and none for nonsense', () => {
    const error = unknownModel('ViT-B-32/opnai');
    expect(error).toBeInstanceOf(DiptychError);
    expect(error.code).toBe('MODEL_NOT_FOUND');
    expect(error.message).toContain('ViT-B-32/openai');
    expect(unknownModel('siglip base patch16 384').message).toContain('ViT-B-16-SigLIP-384/webli');
    expect(unknownModel('zzzzqqqqxxxx').message).not.toContain('did you mean');
    expect(nearNames('', [{ alias: 'a', name: 'a' }])).toEqual([]);
  });
});

describe('models list and info', () => {
  test('filters by family and by words', () => {
    expect(listModels({ family: 'siglip2' }).length).toBeGreaterThanOrEqual(14);
    const found = listModels({ search: 'laion2b b-32' }).map(({ name }) => name);
    expect(found).toContain('ViT-B-32/laion2b_s34b_b79k');
    expect(listModels({ search: 'no such words' })).toEqual([]);
    expect(() => listModels({ family: 'sigli' })).toThrow(/one of .*siglip/);
  });

  test('info tells size, files and names', () => {
    const info = modelInfo('ViT-B/32');
    expect(info.approximateBytes?.fp32).toBe(4 * 151_277_313);
    expect(info.pullable).toBe(true);
    expect(info.files[1]).toEqual({
      repo: 'Xenova/clip-vit-base-patch32',
      dtype: 'fp16',
      files: expect.arrayContaining(['onnx/vision_model_fp16.onnx', 'tokenizer.json']) as unknown,
    });
    expect(info.names).toContain('ViT-B-32__openai');
    expect(() => modelInfo('ViT-B-33')).toThrow(DiptychError);
  });
});

describe('the files of a repository that a dtype needs', () => {
  const configs = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'vocab.json', 'merges.txt'];

  test('towers apart: no combined graph, no other dtype', () => {
    const graphs = ['', '_fp16', '_quantized', '_q4'].flatMap((suffix) =>
      ['model', 'text_model', 'vision_model'].map((name) => `onnx/${name}${suffix}.onnx`),
    );
    const all = [...configs, ...graphs, 'README.md', '.gitattributes', 'pytorch_model.bin'];
    expect(neededFiles(all, 'fp16')).toEqual([
      ...configs,
      'onnx/vision_model_fp16.onnx',
      'onnx/text_model_fp16.onnx',
    ]);
    expect(neededFiles(all, 'int8')).toContain('onnx/text_model_quantized.onnx');
  });

  test('a combined graph with external data', () => {
    const all = [
      'config.json',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'onnx/model.onnx_data_1',
      'onnx/model_q4.onnx',
    ];
    expect(neededFiles(all, 'fp32')).toEqual([
      'config.json',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'onnx/model.onnx_data_1',
    ]);
    expect(neededFiles(all, 'fp16')).toEqual([]);
  });

  test('heads that lack the dtype are taken in fp32', () => {
    const all = [
      'config.json',
      'onnx/vision_model.onnx',
      'onnx/vision_model_fp16.onnx',
      'onnx/itm_model.onnx',
    ];
    expect(neededFiles(all, 'fp16')).toEqual([
      'config.json',
      'onnx/vision_model_fp16.onnx',
      'onnx/itm_model.onnx',
    ]);
  });

  test("immich's folders without their other builds", () => {
    const all = [
      'config.json',
      'visual/model.onnx',
      'visual/model.armnn',
      'visual/preprocess_cfg.json',
      'visual/rknpu/rk3588/model.rknn',
      'textual/model.onnx',
      'textual/tokenizer.json',
    ];
    expect(neededFiles(all, 'fp32')).toEqual([
      'config.json',
      'visual/preprocess_cfg.json',
      'textual/tokenizer.json',
      'visual/model.onnx',
      'textual/model.onnx',
    ]);
  });
});
