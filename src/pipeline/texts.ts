import type { GraphPlan, TextPlan } from '../models/card.js';
import type { SessionHost } from '../session/host.js';
import type { EncodedTexts, TextEncoding } from '../text/tokens.js';
import type { LongText } from '../text/types.js';
import { finishRows } from './images.js';
import { groupBy, mapOrdered } from './ordered.js';
import { normalizeRows } from './rows.js';
import { paddedLength, textFeeds, type TokenRow } from './text-feeds.js';
import type { StageClock } from './stage-clock.js';
import type { Failure, Indexed, Notice, RowBatch } from './types.js';

/** Texts looked at together, so that those of like length share a batch and equal ones are encoded once. */
const WINDOW = 1024;

export interface TextTower {
  readonly graph: GraphPlan;
  readonly plan: TextPlan;
  readonly tokenizer: TextEncoding;
  readonly session: () => Promise<SessionHost>;
  /** Sessions behind `session` now: each is given work of its own. */
  readonly sessions: () => number;
  /** Told of a window of so many texts: many deserve more sessions. */
  readonly onWindow?: (texts: number) => void;
  /** Sequences are padded to a multiple of this, so that few shapes reach the encoder. */
  readonly lengthStep: number;
  readonly batchSize: number;
  readonly normalize: boolean;
  /** For runs that are resumed: the bits of a row do not depend on whether it was alone in its batch. */
  readonly stable?: boolean;
  readonly longText: LongText;
  readonly clock: StageClock;
}

/** One sequence to encode, and the texts of the window that it is for. */
interface Sequence extends TokenRow {
  readonly row: number;
}

interface Encoded {
  readonly data: Float32Array;
  readonly dim: number;
  readonly vectors: number;
  readonly lost: readonly Failure[];
}

const preview = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 57)}...`);

/** Embeds a stream of texts; equal texts of a window are encoded once; rows come in the order of the source. */
export async function* embedTexts(
  tower: TextTower,
  source: AsyncIterable<Indexed<string>> | Iterable<Indexed<string>>,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void, undefined> {
  yield* mapOrdered(groupBy(source, WINDOW), 2, (window) => embedWindow(tower, window, signal), signal);
}

async function embedWindow(
  tower: TextTower,
  window: readonly Indexed<string>[],
  signal: AbortSignal | undefined,
): Promise<RowBatch> {
  const rowOf = new Map<string, number>();
  for (const { item } of window) if (!rowOf.has(item)) rowOf.set(item, rowOf.size);
  const texts = [...rowOf.keys()];
  // The session opens while the tokenizer does; its error is met where it is first used.
  tower.session().catch(() => undefined);
  const done = tower.clock.start('tokenize', 'text', texts.length);
  const tokens = await tower.tokenizer.encode(texts, tower.longText).finally(done);
  tower.onWindow?.(texts.length);
  const encoded = await encodeSequences(tower, texts, sequencesOf(tokens), signal);
  return scatter(window, rowOf, encoded, tokens);
}

function sequencesOf({ ids, ends, texts }: EncodedTexts): Sequence[] {
  let from = 0;
  return Array.from(ends, (end, at) => {
    const row = { ids: ids.subarray(from, end), length: end - from, row: texts[at] ?? 0 };
    from = end;
    return row;
  });
}

/** Encodes sequences in batches of like length; the sequences of one row are averaged (unit length first). */
async function encodeSequences(
  tower: TextTower,
  texts: readonly string[],
  sequences: Sequence[],
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  const rows = texts.length;
  const order = sequences.sort((a, b) => a.length - b.length);
  let data = new Float32Array(0);
  let dim = 0;
  let vectors = 1;
  const lost: Failure[] = [];
  const parts = new Uint32Array(rows);
  const encode = async (
    batch: readonly Sequence[],
  ): Promise<{ batch: readonly Sequence[]; result: RowBatch }> => {
    const longest = batch.reduce((most, { length }) => Math.max(most, length), 1);
    const { graph, plan, clock, sessions } = tower;
    const feeds = textFeeds(graph, plan, batch, paddedLength(graph, plan, longest, tower.lengthStep));
    const session = await tower.session();
    const done = clock.start('encode', 'text', batch.length);
    const result = await session
      .run(feeds, {
        outputs: [graph.output],
        fixedBatch: graph.fixedBatch,
        neverAlone: tower.stable === true && tower.batchSize > 1,
        idle: graph.idle,
      })
      .finally(done);
    clock.encoded('text', result.milliseconds, sessions());
    const indices = batch.map((_, at) => at);
    const inputs = batch.map(({ row }) => preview(texts[row] ?? ''));
    const finished = finishRows(
      result.outputs[tower.graph.output],
      batch.length,
      { indices, inputs, failures: [], notices: [] },
      tower.normalize,
    );
    return { batch, result: finished };
  };
  for await (const { batch, result } of mapOrdered(
    groupBy(order, tower.batchSize),
    () => 2 * tower.sessions(),
    encode,
    signal,
  )) {
    const stride = result.dim * result.vectors;
    if (data.length === 0) {
      dim = result.dim;
      vectors = result.vectors;
      data = new Float32Array(rows * stride);
    }
    result.indices.forEach((at, from) => {
      const row = batch[at]?.row ?? 0;
      parts[row] = (parts[row] ?? 0) + 1;
      for (let i = 0; i < stride; i++)
        data[row * stride + i] = (data[row * stride + i] ?? 0) + (result.data[from * stride + i] ?? 0);
    });
    for (const failure of result.failures) lost.push({ ...failure, index: batch[failure.index]?.row ?? 0 });
  }
  parts.forEach((count, row) => {
    if (count < 2) return;
    const vector = data.subarray(row * dim * vectors, (row + 1) * dim * vectors);
    for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / count;
    if (tower.normalize) normalizeRows(vector, dim);
  });
  return { data, dim, vectors, lost };
}

/** Gives every text of the window the row of its (possibly shared) encoding. */
function scatter(
  window: readonly Indexed<string>[],
  rowOf: ReadonlyMap<string, number>,
  encoded: Encoded,
  { truncated, rejected }: EncodedTexts,
): RowBatch {
  const stride = encoded.dim * encoded.vectors;
  const refused = new Map(rejected.map((rejection) => [rejection.text, rejection]));
  const lost = new Map(encoded.lost.map((failure) => [failure.index, failure]));
  const data = new Float32Array(window.length * stride);
  const indices: number[] = [];
  const failures: Failure[] = [];
  const notices: Notice[] = [];
  for (const { index, item } of window) {
    const row = rowOf.get(item) ?? 0;
    const input = preview(item);
    const error = refused.get(row);
    const broken = lost.get(row);
    if (error !== undefined) {
      failures.push({ index, input, stage: 'tokenize', code: error.code, message: error.message });
    } else if (broken !== undefined) {
      failures.push({ ...broken, index, input });
    } else {
      const at = indices.push(index) - 1;
      data.set(encoded.data.subarray(row * stride, (row + 1) * stride), at * stride);
      if (truncated[row] === 1) notices.push({ index, input, message: 'truncated to the context length' });
    }
  }
  return {
    data: data.subarray(0, indices.length * stride),
    rows: indices.length,
    dim: encoded.dim,
    vectors: encoded.vectors,
    indices,
    failures,
    notices,
  };
}
