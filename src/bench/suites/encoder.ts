import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { limitSubject } from '../limits.js';
import { makeUnitRows } from '../data.js';
import { textFile, visionTower } from '../towers.js';
import { modelTowerCases } from './model-towers.js';
import type { BenchSettings, CasePlan, Params, SubjectPlan, Suite } from '../types.js';

/** GFLOP (2 x multiply-add) of one item: open_clip's model profile. */
const VIT_B32_GFLOP = 8.82;

async function pixels(folder: string, batch: number): Promise<string> {
  const file = join(folder, `pixels-${String(batch)}.f32`);
  const data = makeUnitRows(batch, 3 * 224 * 224, batch).map((value) => value * 388);
  await writeFile(file, new Uint8Array(data.buffer));
  return file;
}

/** Ids of texts of `length` tokens, padded with 0 to `padded`; the end token is the largest id. */
async function ids(
  folder: string,
  batch: number,
  length: number,
  padded: number,
  smoke: boolean,
): Promise<string> {
  const file = join(folder, `ids-${String(length)}-${String(padded)}.i64`);
  const [start, end] = smoke ? [998, 999] : [49_406, 49_407];
  const data = BigInt64Array.from({ length: batch * padded }, (_, i) => {
    const [row, at] = [Math.floor(i / padded), i % padded];
    if (at === 0) return BigInt(start);
    if (at === length - 1) return BigInt(end);
    return at < length ? BigInt(100 + ((row * 31 + at * 7) % 800)) : 0n;
  });
  await writeFile(file, new Uint8Array(data.buffer));
  return file;
}

function own(name: string, params: Params, threads: number): SubjectPlan {
  return {
    name,
    role: 'own',
    host: { kind: 'diptych', threads },
    job: 'encode',
    params: { ...params, threads },
    expect: 'same',
  };
}

async function visionCase(
  file: string,
  batch: number,
  settings: BenchSettings,
  threads: number,
): Promise<CasePlan> {
  const data = await pixels(settings.scratch, batch);
  const params = {
    file,
    input: 'pixel_values',
    output: 'image_embeds',
    dtype: 'float32',
    shape: [batch, 3, 224, 224],
    data,
  };
  const limit = limitSubject('fp32', threads);
  return {
    suite: 'encoder',
    name: `ViT-B/32 (random weights), fp32, batch ${String(batch)}, ${String(threads)} ${threads === 1 ? 'thread' : 'threads'}`,
    unit: 'images/s',
    quantity: 'rate',
    work: batch,
    subjects: [
      own('diptych', params, threads),
      own('diptych, spinning', { ...params, spinning: 'yes' }, threads),
      ...(threads === 1
        ? []
        : [
            {
              ...own('diptych, a session a thread', { ...params, sessions: String(threads) }, threads),
              work: batch * threads,
            },
          ]),
      {
        ...own('onnxruntime (Python)', params, threads),
        role: 'peer',
        host: { kind: 'python', peer: 'onnxruntime', threads },
        expect: 'noted',
      },
      {
        ...own('open_clip (torch)', params, threads),
        role: 'peer',
        host: { kind: 'python', peer: 'open_clip', threads },
        // Its weights are random too, but others: the same arithmetic.
        expect: 'skip',
      },
      limit,
    ],
    check: { kind: 'close', reference: 'diptych', tolerance: 1e-4 },
    bars: [
      ...(threads === 1
        ? []
        : [
            {
              text: 'a session a thread against one session',
              of: 'diptych, a session a thread',
              over: 'diptych',
              quantity: 'rate' as const,
            },
          ]),
      { text: 'against Python onnxruntime', of: 'diptych', over: 'onnxruntime (Python)', quantity: 'rate' },
      { text: 'against open_clip', of: 'diptych', over: 'open_clip (torch)', quantity: 'rate' },
    ],
    limits: settings.smoke
      ? []
      : [{ subject: limit.name, cost: VIT_B32_GFLOP, text: 'share of the fp32 FMA peak' }],
  };
}

/** The same tower in the precisions that model folders come in; int8 quantises its inputs as it runs. */
async function precisionCase(fp32: string, settings: BenchSettings): Promise<CasePlan> {
  const { scratch, smoke } = settings;
  const batch = smoke ? 2 : 8;
  const [data, fp16, int8] = await Promise.all([
    pixels(scratch, batch),
    visionTower(scratch, 'fp16', smoke),
    visionTower(scratch, 'int8', smoke),
  ]);
  const common = {
    input: 'pixel_values',
    output: 'image_embeds',
    dtype: 'float32',
    shape: [batch, 3, 224, 224],
    data,
  };
  const subject = (name: string, file: string): SubjectPlan => ({
    ...own(name, { ...common, file }, 1),
    expect: 'noted',
  });
  const against = (of: string) =>
    ({ text: `${of} against fp32`, of, over: 'fp32', quantity: 'rate' }) as const;
  return {
    suite: 'encoder',
    name: `ViT-B/32 (random weights), by precision, batch ${String(batch)}, 1 thread`,
    unit: 'images/s',
    quantity: 'rate',
    work: batch,
    subjects: [subject('fp32', fp32), subject('fp16', fp16), subject('int8', int8)],
    check: { kind: 'close', reference: 'fp32', tolerance: 1e-4 },
    bars: [against('fp16'), against('int8')],
    limits: [],
  };
}

async function textCase(file: string, settings: BenchSettings): Promise<CasePlan> {
  const { scratch, smoke, threads } = settings;
  const [batch, short, context] = [smoke ? 2 : 32, 16, 77];
  const [full, brief] = await Promise.all([
    ids(scratch, batch, short, context, smoke),
    ids(scratch, batch, short, short, smoke),
  ]);
  const common = { file, input: 'input_ids', output: 'text_embeds', dtype: 'int64' };
  return {
    suite: 'encoder',
    name: `CLIP text tower (random weights), captions of ${String(short)} tokens, batch ${String(batch)}`,
    unit: 'texts/s',
    quantity: 'rate',
    work: batch,
    subjects: [
      own('padded to 77', { ...common, shape: [batch, context], data: full }, threads),
      own('as long as needed', { ...common, shape: [batch, short], data: brief }, threads),
    ],
    check: { kind: 'close', reference: 'padded to 77', tolerance: 1e-4 },
    bars: [
      {
        text: 'short captions against full length',
        of: 'as long as needed',
        over: 'padded to 77',
        quantity: 'rate',
        ...(smoke ? {} : { atLeast: 3 }),
      },
    ],
    limits: [],
  };
}

/** ViT-B/32 beside another tower: what CLIP's smallest costs on the same machine. */
async function vitBeside(
  file: string,
  { scratch }: BenchSettings,
): Promise<(batch: number, threads: number) => SubjectPlan[]> {
  const batches = [1, 2, 8];
  const data = new Map(
    await Promise.all(batches.map(async (batch) => [batch, await pixels(scratch, batch)] as const)),
  );
  return (batch, threads) => [
    {
      ...own(
        'ViT-B/32 (random weights), fp32',
        {
          file,
          input: 'pixel_values',
          output: 'image_embeds',
          dtype: 'float32',
          shape: [batch, 3, 224, 224],
          data: data.get(batch) ?? '',
        },
        threads,
      ),
      expect: 'skip',
    },
  ];
}

async function plan(settings: BenchSettings): Promise<readonly CasePlan[]> {
  const { scratch, smoke, threads } = settings;
  const file = await visionTower(scratch, 'fp32', smoke);
  const towers = await modelTowerCases(settings, await vitBeside(file, settings));
  if (settings.model !== null) return towers;
  const cases: CasePlan[] = [];
  const batches = smoke ? [2] : [1, 8, 32];
  for (const batch of batches) cases.push(await visionCase(file, batch, settings, 1));
  if (threads > 1) cases.push(await visionCase(file, smoke ? 2 : 8, settings, threads));
  cases.push(await precisionCase(file, settings));
  cases.push(await textCase(await textFile(scratch, smoke), settings));
  return [...cases, ...towers];
}

/** The towers alone, on ready tensors. */
export const encoderSuite: Suite = { name: 'encoder', title: 'Encoders', plan };
