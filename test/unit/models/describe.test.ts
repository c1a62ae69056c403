import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiptychError } from '#diptych/errors.js';
import { describeModel } from '#diptych/models/describe.js';
import { loadTokenizer } from '#diptych/text/tokenizer.js';
import { find } from '../../support/fixtures.js';

let scratch: string;
let copies = 0;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'diptych-describe-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** A copy of a fixture that a test may break. */
function copy(family: string): string {
  const folder = join(scratch, `${family}-${String(copies++)}`);
  cpSync(find('families', family), folder, { recursive: true });
  return folder;
}

function edit(file: string, change: (json: Record<string, unknown>) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

async function failure(work: () => Promise<unknown>): Promise<DiptychError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DiptychError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const open = async (folder: string): Promise<unknown> => loadTokenizer(await describeModel(folder));

describe('broken folders are told by file', () => {
  const BREAKS: readonly [string, string, (folder: string) => string, RegExp][] = [
    [
      'a graph of 0 bytes',
      'clip-vit',
      (folder) => (truncateSync(join(folder, 'onnx/vision_model.onnx')), 'vision_model.onnx'),
      /0 bytes/,
    ],
    [
      'a cut graph',
      'clip-vit',
      (folder) => (truncateSync(join(folder, 'onnx/text_model.onnx'), 100_000), 'text_model.onnx'),
      /not a whole ONNX file/,
    ],
    [
      'a graph cut at its end',
      'siglip',
      (folder) => (truncateSync(join(folder, 'onnx/text_model.onnx'), 310_400), 'text_model.onnx'),
      /not a whole ONNX file/,
    ],
    [
      'a text file named .onnx',
      'siglip2',
      (folder) => (
        writeFileSync(
          join(folder, 'onnx/vision_model.onnx'),
          'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
        ),
        'vision_model.onnx'
      ),
      /Git LFS/,
    ],
    [
      'no tokenizer',
      'siglip2',
      (folder) => (rmSync(join(folder, 'tokenizer.json')), folder),
      /tokenizer\.json/,
    ],
    [
      'a cut tokenizer',
      'siglip2',
      (folder) => (truncateSync(join(folder, 'tokenizer.json'), 5000), 'tokenizer.json'),
      /not valid JSON/,
    ],
    [
      'no preprocessing rule',
      'siglip2',
      (folder) => (rmSync(join(folder, 'preprocessor_config.json')), folder),
      /preprocessor_config\.json/,
    ],
    ['no config', 'siglip2', (folder) => (rmSync(join(folder, 'config.json')), 'config.json'), /missing/],
    [
      'an empty config',
      'siglip2',
      (folder) => (writeFileSync(join(folder, 'config.json'), ''), 'config.json'),
      /empty/,
    ],
    [
      'a config of another size',
      'siglip2',
      (folder) => {
        edit(join(folder, 'preprocessor_config.json'), (json) => (json['size'] = { height: 64, width: 64 }));
        return 'preprocessor_config.json';
      },
      /64 x 64.*32 x 32/,
    ],
    [
      'the tokenizer of another family',
      'siglip2',
      (folder) => {
        cpSync(join(find('families', 'chinese-clip'), 'tokenizer.json'), join(folder, 'tokenizer.json'));
        return 'tokenizer.json';
      },
      /WordPiece/,
    ],
    [
      'the tokenizer of a larger vocabulary',
      'siglip2',
      (folder) => {
        cpSync(join(find('families', 'clip-vit'), 'tokenizer.json'), join(folder, 'tokenizer.json'));
        cpSync(
          join(find('families', 'clip-vit'), 'tokenizer_config.json'),
          join(folder, 'tokenizer_config.json'),
        );
        return 'tokenizer.json';
      },
      /another model/,
    ],
    [
      'no graphs',
      'openclip-longest',
      (folder) => (rmSync(join(folder, 'visual/model.onnx')), folder),
      /no \.onnx file/,
    ],
    [
      'a scale of infinite width',
      'siglip2',
      (folder) => {
        edit(join(folder, 'preprocessor_config.json'), (json) => (json['image_std'] = [0.5, 0, 0.5]));
        return 'preprocessor_config.json';
      },
      /image_std/,
    ],
  ];

  test.each(BREAKS)('%s', async (_, family, breakIt, message) => {
    const folder = copy(family);
    const named = breakIt(folder);
    const error = await failure(() => open(folder));
    expect(error.code).toBe('MODEL_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).toContain(named);
  });

  test("open_clip's other tokenizer modes", async () => {
    const folder = copy('siglip-openclip');
    edit(join(folder, 'config.json'), (json) => {
      (json['text_cfg'] as Record<string, unknown>)['tokenizer_mode'] = 'clips';
    });
    const error = await failure(() => describeModel(folder));
    expect([error.code, error.input]).toEqual(['MODEL_UNSUPPORTED', join(folder, 'config.json')]);
    expect(error.message).toContain('clips');
  });

  test('open_clip puts any tokenizer before its towers', async () => {
    const folder = copy('siglip-openclip');
    edit(join(folder, 'config.json'), (json) => delete json['init_logit_bias']);
    expect((await describeModel(folder)).text?.plan.kind).toBe('tokenizer-json');
  });

  test('a model_type nobody knows', async () => {
    const folder = copy('siglip2');
    edit(join(folder, 'config.json'), (json) => (json['model_type'] = 'llama'));
    const error = await failure(() => describeModel(folder));
    expect(error.code).toBe('MODEL_UNSUPPORTED');
    expect(error.message).toContain('llama');
  });

  test('a variant that is not there names those that are', async () => {
    const error = await failure(() => describeModel(find('families', 'siglip'), { dtype: 'int8' }));
    expect(error.code).toBe('BAD_OPTION');
    expect(error.message).toContain('fp32, fp16');
  });

  test('a folder that is not there, a file, a name nobody knows', async () => {
    for (const name of ['./no/such/folder', find('families', 'siglip', 'config.json'), 'no-such-model']) {
      expect((await failure(() => describeModel(name))).code).toBe('MODEL_NOT_FOUND');
    }
  });

  test('a cleaning that the vocabulary does not fit', async () => {
    const folder = find('families', 'siglip2');
    for (const textCleaning of ['hf_slow', 'cn_clip'] as const) {
      expect((await failure(() => describeModel(folder, { textCleaning }))).code).toBe('BAD_OPTION');
    }
  });
});

describe('what a folder says', () => {
  test('variants by dtype', async () => {
    const folder = find('families', 'clip-vit');
    for (const [dtype, file] of [
      ['fp32', 'vision_model.onnx'],
      ['fp16', 'vision_model_fp16.onnx'],
      ['int8', 'vision_model_quantized.onnx'],
    ] as const) {
      const model = await describeModel(folder, { dtype });
      expect(model.image?.graph.file.endsWith(`/${file}`)).toBe(true);
      expect(model.image?.graph.dtype).toBe(dtype);
    }
    expect((await describeModel(folder)).dtypes).toEqual(['fp32', 'fp16', 'int8']);
  });

  test('float16 inputs and outputs are seen', async () => {
    const model = await describeModel(find('families', 'siglip'), { dtype: 'fp16' });
    expect(model.image?.graph.inputs.pixels?.type).toBe('float16');
    expect(model.image?.graph.outputType).toBe('float16');
  });

  test('a combined graph feeds its other tower zeros and tells its scale', async () => {
    const model = await describeModel(find('families', 'clip-combined'));
    expect(model.image?.graph.idle.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask']);
    expect(model.text?.graph.idle).toEqual([{ name: 'pixel_values', type: 'float32', dims: [1, 3, 48, 48] }]);
    expect(model.logitScale).toBeCloseTo(99.9, 3);
    expect(model.logitScaleSource).toContain('model.onnx');
  });

  test("the caller's scale stands over the folder's, and the source is told", async () => {
    const folder = find('families', 'clip-combined');
    const model = await describeModel(folder, { logitScale: 42, logitBias: -3 });
    expect([model.logitScale, model.logitBias, model.logitScaleSource]).toEqual([42, -3, '--logit-scale']);
    expect((await describeModel(find('families', 'siglip'))).logitScale).toBeNull();
    expect((await failure(() => describeModel(folder, { logitScale: -1 }))).code).toBe('BAD_OPTION');
  });

  test('QuickGELU in the graph, gelu in the configuration: a warning', async () => {
    const folder = copy('clip-vit');
    edit(join(folder, 'config.json'), (json) => {
      (json['vision_config'] as Record<string, unknown>)['hidden_act'] = 'gelu';
    });
    const { warnings } = await describeModel(folder);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/gelu.*quick_gelu/);
    expect((await describeModel(find('families', 'clip-vit'))).warnings).toEqual([]);
  });

  test('a dimension that the graph contradicts: a warning with both values', async () => {
    const folder = copy('siglip-openclip');
    edit(join(folder, 'config.json'), (json) => (json['embed_dim'] = 512));
    const model = await describeModel(folder);
    expect(model.embeddingDim).toBe(32);
    expect(model.warnings.join()).toMatch(/512.*32/);
  });

  test('towers of two models are refused', async () => {
    const folder = copy('siglip2');
    cpSync(
      join(find('families', 'clip-vit'), 'onnx/vision_model.onnx'),
      join(folder, 'onnx/vision_model.onnx'),
    );
    const error = await failure(() => describeModel(folder));
    expect(error.message).toMatch(/16 dimensions.*32/);
  });

  test('files may lie at the top of the folder', async () => {
    const folder = copy('siglip2');
    for (const name of ['vision_model.onnx', 'text_model.onnx'])
      renameSync(join(folder, 'onnx', name), join(folder, name));
    const model = await describeModel(folder);
    expect([model.layout, model.family, model.embeddingDim]).toEqual(['towers', 'siglip2', 32]);
  });

  test('a folder with pictures only, and one with texts only', async () => {
    const images = await describeModel(find('families', 'openclip-longest'));
    expect(images.text).toBeNull();
    expect((await failure(() => loadTokenizer(images))).code).toBe('MODEL_UNSUPPORTED');
    const folder = copy('siglip2');
    rmSync(join(folder, 'onnx/vision_model.onnx'));
    expect((await describeModel(folder)).image).toBeNull();
  });

  test("Chinese-CLIP's exporter: names, squash, cn_clip's tokenizer", async () => {
    const source = find('families', 'chinese-clip');
    const folder = join(scratch, 'exporter');
    cpSync(join(source, 'onnx/model.onnx'), join(folder, 'vit-b-16.img.fp32.onnx'), { recursive: true });
    cpSync(join(source, 'onnx/model.onnx'), join(folder, 'vit-b-16.txt.fp32.onnx'));
    const vocabulary = (
      JSON.parse(readFileSync(join(source, 'tokenizer.json'), 'utf8')) as { model: { vocab: object } }
    ).model.vocab;
    // By id: an object lists keys that look like numbers first.
    const words = Object.entries(vocabulary as Record<string, number>)
      .sort((a, b) => a[1] - b[1])
      .map(([word]) => word);
    writeFileSync(join(folder, 'vocab.txt'), `${words.join('\n')}\n`);
    const model = await describeModel(folder);
    expect([model.family, model.layout, model.text?.plan.kind]).toEqual([
      'chinese_clip',
      'chinese-clip',
      'bert-google',
    ]);
    expect(model.image?.spec).toMatchObject({ resizeMode: 'squash', rgb: 'after', size: 32 });
    const tokens = (await loadTokenizer(model)).tokenize(['一只猫的照片'])[0];
    expect(tokens?.ids.slice(0, tokens.length)).toEqual([101, 671, 1372, 4344, 4638, 4212, 4275, 102]);
    rmSync(join(folder, 'vocab.txt'));
    expect((await failure(() => describeModel(folder))).message).toContain('vocab.txt');
  });

  test('external data that is missing or short is told', async () => {
    const folder = copy('siglip2');
    const file = join(folder, 'onnx/vision_model.onnx');
    // One more initialiser (field 5 of the graph, field 7 of the model) whose bytes lie in "weights.bin".
    const entry = (key: string, value: string): Buffer =>
      field(13, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]));
    const tensor = Buffer.concat([
      field(8, Buffer.from('extra')),
      entry('location', 'weights.bin'),
      entry('length', '100'),
      Buffer.from([14 * 8, 1]),
    ]);
    writeFileSync(file, Buffer.concat([readFileSync(file), field(7, field(5, tensor))]));
    const missing = await failure(() => describeModel(folder));
    expect(missing.message).toMatch(/weights\.bin.*missing/);
    writeFileSync(join(folder, 'onnx/weights.bin'), Buffer.alloc(40));
    expect((await failure(() => describeModel(folder))).message).toContain('40 of 100 bytes');
    writeFileSync(join(folder, 'onnx/weights.bin'), Buffer.alloc(100));
    expect((await describeModel(folder)).image?.graph.external).toEqual([join(folder, 'onnx/weights.bin')]);
    expect(existsSync(file)).toBe(true);
  });
});

function field(number: number, payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([
      number * 8 + 2,
      (payload.length & 0x7f) | (payload.length > 127 ? 0x80 : 0),
      ...(payload.length > 127 ? [payload.length >> 7] : []),
    ]),
    payload,
  ]);
}
