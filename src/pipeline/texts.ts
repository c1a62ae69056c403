import { DiptychError, toDiptychError } from '../errors.js';
import type { GraphPlan, TextPlan } from '../models/card.js';
import type { HostTensor, SessionHost } from '../session/host.js';
import type { LongText, TokenizedText, Tokenizer } from '../text/types.js';
import { finishRows } from './images.js';
import { groupBy, mapOrdered } from './ordered.js';
import { normalizeRows } from './rows.js';
import type { Failure, Indexed, Notice, RowBatch, StageSeconds } from './types.js';

/** Texts looked at together, so that those of like length share a batch and equal ones are encoded once. */
const WINDOW = 1024;
/** Longest stretch of tokenizing between two turns of the event loop. */
const TOKENIZE_SLICE_MS = 4;
/** Sequence lengths are rounded up to this, so that few shapes reach the encoder. */
const LENGTH_STEP = 4;

export interface TextTower {
  readonly graph: GraphPlan;
  readonly plan: TextPlan;
  readonly tokenizer: () => Promise<Tokenizer>;
  readonly session: () => Promise<SessionHost>;
  readonly batchSize: number;
  readonly normalize: boolean;
  readonly longText: LongText;
  readonly seconds: StageSeconds;
}

/** One sequence to encode, and the texts of the window that it is for. */
interface Sequence {
  readonly tokens: TokenizedText;
  readonly row: number;
}

interface Encoded {
  readonly data: Float32Array;
  readonly dim: number;
  readonly vectors: number;
  readonly lost: readonly Failure[];
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const preview = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 57)}...`);

/** Length that a batch is padded to: the context where the tower needs it, else as short as its longest text allows. */
function paddedLength(tower: TextTower, longest: number): number {
  const { plan, graph } = tower;
  if (graph.fixedLength !== null) return graph.fixedLength;
  if (plan.padTo === 'context' && !plan.bucketable) return plan.contextLength;
  return Math.min(plan.contextLength, Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP);
}

function fill(
  rows: readonly TokenizedText[],
  length: number,
  type: 'int64' | 'int32',
  value: (tokens: TokenizedText, at: number) => number,
): HostTensor {
  const dims = [rows.length, length];
  if (type === 'int32') {
    const data = new Int32Array(rows.length * length);
    rows.forEach((tokens, row) => {
      for (let at = 0; at < length; at++) data[row * length + at] = value(tokens, at);
    });
    return { type, data, dims };
  }
  const data = new BigInt64Array(rows.length * length);
  rows.forEach((tokens, row) => {
    for (let at = 0; at < length; at++) data[row * length + at] = BigInt(value(tokens, at));
  });
  return { type, data, dims };
}

/** The graph's inputs for a batch of sequences. */
export function textFeeds(
  graph: GraphPlan,
  plan: TextPlan,
  rows: readonly TokenizedText[],
  length: number,
): Record<string, HostTensor> {
  const { ids, mask, tokenTypes, positions } = graph.inputs;
  if (ids === undefined)
    throw new DiptychError('MODEL_INVALID', 'the text graph has no input for token ids', {
      input: graph.file,
    });
  const feeds: Record<string, HostTensor> = {
    [ids.name]: fill(rows, length, ids.type, (tokens, at) =>
      at < tokens.length ? (tokens.ids[at] ?? plan.padId) : plan.padId,
    ),
  };
  if (mask !== undefined)
    feeds[mask.name] = fill(
      rows,
      length,
      mask.type,
      (tokens, at) => tokens.attentionMask?.[at] ?? (at < tokens.length ? 1 : 0),
    );
  if (tokenTypes !== undefined) feeds[tokenTypes.name] = fill(rows, length, tokenTypes.type, () => 0);
  if (positions !== undefined) feeds[positions.name] = fill(rows, length, positions.type, (_, at) => at);
  return feeds;
}

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
  const tokenizer = await tower.tokenizer();
  const began = performance.now();
  const rowOf = new Map<string, number>();
  const sequences: Sequence[] = [];
  const truncated: boolean[] = [];
  const rejected = new Map<number, DiptychError>();
  let turnBegan = began;
  for (const { item } of window) {
    if (performance.now() - turnBegan > TOKENIZE_SLICE_MS) {
      await nextTurn();
      turnBegan = performance.now();
    }
    if (rowOf.has(item)) continue;
    const row = rowOf.size;
    rowOf.set(item, row);
    try {
      const parts =
        tower.longText === 'pool'
          ? tokenizer.chunks(item)
          : tokenizer.tokenize([item], { longText: tower.longText });
      for (const tokens of parts) sequences.push({ tokens, row });
      truncated[row] = tower.longText === 'truncate' && parts.some((tokens) => tokens.truncated);
    } catch (error) {
      rejected.set(row, toDiptychError(error, 'BAD_INPUT'));
    }
  }
  tower.seconds.tokenize += (performance.now() - began) / 1000;
  const encoded = await encodeSequences(tower, sequences, rowOf.size, signal);
  return scatter(window, rowOf, encoded, truncated, rejected);
}

/** Encodes sequences in batches of like length; the sequences of one row are averaged (unit length first). */
async function encodeSequences(
  tower: TextTower,
  sequences: Sequence[],
  rows: number,
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  const order = [...sequences].sort((a, b) => a.tokens.length - b.tokens.length);
  const session = await tower.session();
  let data = new Float32Array(0);
  let dim = 0;
  let vectors = 1;
  const lost: Failure[] = [];
  const parts = new Uint32Array(rows);
  const encode = async (
    batch: readonly Sequence[],
  ): Promise<{ batch: readonly Sequence[]; result: RowBatch }> => {
    const longest = batch.reduce((most, { tokens }) => Math.max(most, tokens.length), 1);
    const feeds = textFeeds(
      tower.graph,
      tower.plan,
      batch.map(({ tokens }) => tokens),
      paddedLength(tower, longest),
    );
    const result = await session.run(feeds, {
      outputs: [tower.graph.output],
      fixedBatch: tower.graph.fixedBatch,
      idle: tower.graph.idle,
    });
    tower.seconds.encode += result.milliseconds / 1000;
    const indices = batch.map((_, at) => at);
    const inputs = batch.map(({ tokens }) => preview(tokens.text));
    const finished = finishRows(
      result.outputs[tower.graph.output],
      batch.length,
      { indices, inputs, failures: [], notices: [] },
      tower.normalize,
    );
    return { batch, result: finished };
  };
  for await (const { batch, result } of mapOrdered(groupBy(order, tower.batchSize), 2, encode, signal)) {
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
  truncated: readonly boolean[],
  rejected: ReadonlyMap<number, DiptychError>,
): RowBatch {
  const stride = encoded.dim * encoded.vectors;
  const lost = new Map(encoded.lost.map((failure) => [failure.index, failure]));
  const data = new Float32Array(window.length * stride);
  const indices: number[] = [];
  const failures: Failure[] = [];
  const notices: Notice[] = [];
  for (const { index, item } of window) {
    const row = rowOf.get(item) ?? 0;
    const input = preview(item);
    const error = rejected.get(row);
    const broken = lost.get(row);
    if (error !== undefined) {
      failures.push({ index, input, stage: 'tokenize', code: error.code, message: error.message });
    } else if (broken !== undefined) {
      failures.push({ ...broken, index, input });
    } else {
      const at = indices.push(index) - 1;
      data.set(encoded.data.subarray(row * stride, (row + 1) * stride), at * stride);
      if (truncated[row] === true) notices.push({ index, input, message: 'truncated to the context length' });
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
