import type { GraphPlan, ModelDescription } from '../../models/card.js';
import { describeModel } from '../../models/describe.js';
import { finishRows } from '../../pipeline/images.js';
import { StageClock } from '../../pipeline/stage-clock.js';
import { embedTexts } from '../../pipeline/texts.js';
import { floatsToHalves } from '../../session/half.js';
import type { HostTensor, SessionHost } from '../../session/host.js';
import { openSession } from '../../session/worker-session.js';
import { TokenizerThread } from '../../text/tokenizer-thread.js';
import { DiptychError } from '../../errors.js';
import { randomGenerator } from '../statistics.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';

const LENGTH_STEP = 4;

/** Pixels of `rows` pictures as the graph takes them, always the same; their values cost nothing. */
function pixels(graph: GraphPlan, rows: number, [height, width]: readonly [number, number]): HostTensor {
  const type = graph.inputs.pixels?.type ?? 'float32';
  const count = rows * 3 * height * width;
  const random = randomGenerator(rows);
  if (type === 'uint8') {
    const data = Uint8Array.from({ length: count }, () => 256 * random());
    return { type, data, dims: [rows, height, width, 3] };
  }
  const floats = Float32Array.from({ length: count }, () => 2 * random() - 1);
  const data = type === 'float16' ? floatsToHalves(floats) : floats;
  return { type, data, dims: [rows, 3, height, width] };
}

/** The same tensor over the memory that a session has handed back. */
function again(feed: HostTensor, buffer: ArrayBuffer | undefined): HostTensor {
  if (buffer === undefined) return feed;
  const { type, dims } = feed;
  if (type === 'uint8') return { type, dims, data: new Uint8Array(buffer) };
  return { type, dims, data: type === 'float16' ? new Uint16Array(buffer) : new Float32Array(buffer) };
}

function imageRun(
  description: ModelDescription,
  session: SessionHost,
  rows: number,
): (() => Promise<Float32Array>) | null {
  if (description.image === null) return null;
  const { graph, spec } = description.image;
  const { size } = spec;
  let feed = pixels(graph, rows, typeof size === 'number' ? [size, size] : size);
  const name = graph.inputs.pixels?.name ?? session.inputNames[0] ?? 'pixel_values';
  const indices = Array.from({ length: rows }, (_, row) => row);
  const origin = { indices, inputs: indices.map(String), failures: [], notices: [] };
  return async () => {
    const result = await session.run(
      { [name]: feed },
      { outputs: [graph.output], fixedBatch: graph.fixedBatch, idle: graph.idle },
    );
    feed = again(feed, result.returned[0]);
    return finishRows(result.outputs[graph.output], rows, origin, true).data;
  };
}

async function textRun(
  description: ModelDescription,
  session: SessionHost,
  texts: readonly string[],
): Promise<(() => Promise<Float32Array>) | null> {
  if (description.text === null) return null;
  const { graph, plan } = description.text;
  const tokenizer = new TokenizerThread(description);
  const tokens = await tokenizer.encode(texts, 'truncate');
  await tokenizer.close();
  const tower = {
    graph,
    plan,
    tokenizer: { encode: () => Promise.resolve(tokens) },
    session: () => Promise.resolve(session),
    sessions: () => 1,
    lengthStep: LENGTH_STEP,
    batchSize: texts.length,
    normalize: true,
    longText: 'truncate',
    clock: new StageClock(),
  } as const;
  const items = texts.map((item, index) => ({ index, item }));
  return async () => {
    for await (const { data } of embedTexts(tower, items)) return data;
    return new Float32Array(0);
  };
}

/** One tower of a model folder, from ready pixels or token ids to unit vectors, as the engine feeds it. */
export async function modelTowerJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const tower = reader.choice('tower', ['image', 'text']);
  const dtype = reader.choice('dtype', ['fp32', 'fp16', 'int8']);
  const [threads, rows] = [reader.number('threads'), reader.number('rows')];
  const description = await describeModel(reader.string('model'), { dtype });
  const file = description[tower]?.graph.file;
  if (file === undefined) {
    throw new DiptychError('MODEL_UNSUPPORTED', `this model has no ${tower} tower`, {
      input: description.name,
    });
  }
  const session = await openSession(file, { device: 'cpu', threads, spinning: false });
  const run =
    tower === 'image'
      ? imageRun(description, session, rows)
      : await textRun(description, session, reader.strings('texts'));
  let data = new Float32Array(0);
  return {
    settings: `${description[tower]?.graph.dtype ?? dtype} graph, batch ${String(rows)}, ${String(threads)} encoder thread(s)`,
    run: async () => {
      data = Float32Array.from((await run?.()) ?? []);
    },
    output: () => ({ data, shape: [rows, data.length / rows] }),
    close: () => session.close(),
  };
}
