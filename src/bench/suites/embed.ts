import { ownPhotos, photos } from '../data.js';
import { benchModel, modelName, withTower } from '../model.js';
import { makeUnitRows } from '../data.js';
import { textFile, visionFile, visionFolder } from '../towers.js';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import type { BenchSettings, CasePlan, Params, SubjectPlan, Suite } from '../types.js';

const CLIP: Params = {
  size: 224,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

const BATCH = 8;
/** What the quick tower is given at once; ours measures for itself. */
const QUICK_BATCH = 32;

function own(name: string, role: 'own' | 'limit', job: string, params: Params, threads: number): SubjectPlan {
  return {
    name,
    role,
    host: { kind: 'diptych', threads },
    job,
    params: { ...params, threads },
    expect: role === 'own' ? 'same' : 'skip',
  };
}

/** The same photos, repeated to `count`. */
function repeated(files: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, i) => files[i % files.length] ?? '');
}

/** All of the way from files to vectors with one tower; `bound` says which stage it waits for. */
async function towerCase(
  bound: 'encoder-bound' | 'decode-bound',
  files: readonly string[],
  settings: BenchSettings,
): Promise<CasePlan> {
  const { images, scratch, smoke, threads } = settings;
  const what = images === null ? 'JPEGs' : 'photos';
  const encoder = bound === 'encoder-bound';
  const batch = encoder ? BATCH : QUICK_BATCH;
  const folder = await visionFolder(scratch, encoder ? 'vit-b32' : 'trivial', smoke);
  const data = join(scratch, 'embed-pixels.f32');
  await writeFile(data, new Uint8Array(makeUnitRows(BATCH, 3 * 224 * 224, 5).buffer));
  const file = visionFile(folder);
  const tensors = {
    file,
    input: 'pixel_values',
    output: 'image_embeds',
    dtype: 'float32',
    shape: [BATCH, 3, 224, 224],
    data,
  };
  const limit = encoder
    ? {
        ...own('encoder only', 'limit', 'encode', { ...tensors, sessions: String(threads) }, threads),
        work: BATCH * threads,
      }
    : own('image path only', 'limit', 'preprocess', { files, read: 'each time' }, threads);
  const peers: SubjectPlan[] = [
    {
      name: 'transformers.js',
      role: 'peer',
      host: { kind: 'node', peer: 'transformers', threads },
      job: 'embed',
      params: { folder, files, batch, threads },
      expect: 'noted',
    },
    {
      name: 'onnxruntime + Pillow (2 workers)',
      role: 'peer',
      host: { kind: 'python', peer: 'onnxruntime', threads },
      job: 'embed',
      params: { ...CLIP, file, input: 'pixel_values', output: 'image_embeds', files, batch },
      expect: 'noted',
    },
  ];
  return {
    suite: 'embed',
    name: `${bound}: ${encoder ? 'ViT-B/32 (random weights)' : 'a trivial tower'}, ${String(files.length)} ${what}, ${String(threads)} threads`,
    unit: 'images/s',
    quantity: 'rate',
    work: files.length,
    subjects: [
      own(
        'diptych',
        'own',
        'embed-images',
        { model: folder, files, batch: encoder ? BATCH : 'auto' },
        threads,
      ),
      limit,
      ...peers,
    ],
    check: { kind: 'close', reference: 'diptych', tolerance: 1e-4 },
    bars: [
      {
        text: 'against transformers.js',
        of: 'diptych',
        over: 'transformers.js',
        quantity: 'rate',
        atLeast: encoder ? 1.2 : 8,
      },
      {
        text: 'against Python onnxruntime and Pillow',
        of: 'diptych',
        over: 'onnxruntime + Pillow (2 workers)',
        quantity: 'rate',
        atLeast: encoder ? 1.08 : 2.5,
      },
    ],
    limits: [
      {
        subject: limit.name,
        cost: 1,
        text: encoder ? 'share of the encoder alone' : 'share of the image path alone',
        atLeast: { diptych: encoder ? 0.95 : 0.92 },
      },
    ],
  };
}

/** Short captions on CLIP's text tower: padded as little as they need, and to the whole context. */
async function captionCase({ scratch, smoke, threads }: BenchSettings): Promise<CasePlan> {
  const file = await textFile(scratch, smoke);
  const count = smoke ? 8 : 64;
  const subject = (name: string): SubjectPlan => ({
    name,
    role: 'own',
    host: { kind: 'diptych', threads },
    job: 'text-tower',
    params: { file, count, threads, vocabulary: smoke ? 1000 : 49_408, length: name },
    expect: 'same',
  });
  const [short, full] = ['as short as they are', 'at full length'];
  return {
    suite: 'embed',
    name: `short captions, CLIP text tower (random weights), ${String(threads)} threads`,
    unit: 'texts/s',
    quantity: 'rate',
    work: count,
    subjects: [subject(short), subject(full)],
    check: { kind: 'close', reference: full, tolerance: 1e-5 },
    bars: [{ text: 'short against full length', of: short, over: full, quantity: 'rate', atLeast: 3 }],
    limits: [],
    maxSamples: 5,
  };
}

/** The bundled model, or the user's own. */
async function modelCases(files: readonly string[], settings: BenchSettings): Promise<CasePlan[]> {
  const { threads, smoke } = settings;
  const name = modelName(settings);
  const description = await benchModel(settings);
  const short = Array.from({ length: smoke ? 4 : 64 }, (_, i) => `a photo of number ${String(i)}`);
  const long = short.map(
    (caption) => `${caption}, ${'which goes on and on about what can be seen in it '.repeat(12)}`,
  );
  const texts = (subject: string, list: readonly string[]): SubjectPlan => ({
    ...own(subject, 'own', 'embed-texts', { model: name, texts: list }, threads),
    expect: 'skip',
  });
  const base = { suite: 'embed', quantity: 'rate', check: null, limits: [] } as const;
  return [
    withTower(description, 'image', {
      ...base,
      name: `${name}: images, ${String(threads)} threads`,
      unit: 'images/s',
      work: files.length,
      subjects: [own('diptych', 'own', 'embed-images', { model: name, files, batch: BATCH }, threads)],
      bars: [],
    }),
    withTower(description, 'text', {
      ...base,
      name: `${name}: texts, ${String(threads)} threads`,
      unit: 'texts/s',
      work: short.length,
      subjects: [texts('short captions', short), texts('long texts', long)],
      bars: [
        {
          text: 'short captions against long texts',
          of: 'short captions',
          over: 'long texts',
          quantity: 'rate',
        },
      ],
    }),
  ];
}

async function plan(settings: BenchSettings): Promise<readonly CasePlan[]> {
  const { images, model, smoke } = settings;
  const { files: source, leftOut } =
    images === null ? { files: photos('500x375'), leftOut: [] } : await ownPhotos(images);
  const files = repeated(source, smoke ? 8 : 64);
  const own = (await modelCases(files, settings)).map((one, index) =>
    index === 0 ? { ...one, leftOut: [...leftOut, ...(one.leftOut ?? [])] } : one,
  );
  if (model !== null) return own;
  return [
    await towerCase('encoder-bound', repeated(source, smoke ? 8 : 32), settings),
    // Enough for filling and draining the pipeline to be a small part of it.
    await towerCase('decode-bound', repeated(source, smoke ? 8 : 256), settings),
    await captionCase(settings),
    ...own,
  ];
}

/** From files to vectors. */
export const embedSuite: Suite = { name: 'embed', title: 'End to end', plan };
