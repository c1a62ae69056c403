import { DiptychError } from '../../errors.js';
import { readOnnxHeader, type OnnxHeader, type ValueInfo } from '../../models/onnx/header.js';
import { floatsToHalves, halvesToFloats } from '../../session/half.js';
import type { HostTensor, SessionHost } from '../../session/host.js';

type FloatType = 'float32' | 'float16';

interface PastInput {
  readonly name: string;
  readonly type: FloatType;
  /** Sizes, the batch first; null where an axis is free (the length of the past). */
  readonly dims: readonly (number | null)[];
  /** What names the layer and the tensor, in inputs and outputs alike: `0.decoder.key`. */
  readonly key: string;
}

/** How a decoder graph is called. */
export interface DecoderGraph {
  readonly file: string;
  readonly ids: { readonly name: string; readonly type: 'int64' | 'int32' };
  readonly mask: { readonly name: string; readonly type: 'int64' | 'int32' } | null;
  readonly positions: { readonly name: string; readonly type: 'int64' | 'int32' } | null;
  readonly states: { readonly name: string; readonly type: FloatType } | null;
  readonly statesMask: { readonly name: string; readonly type: 'int64' | 'int32' } | null;
  /** Switch of a merged graph between its first and its later steps. */
  readonly cacheSwitch: string | null;
  readonly past: readonly PastInput[];
  readonly logits: string;
  /** Outputs that become the next step's past. */
  readonly presents: readonly { readonly name: string; readonly key: string }[];
}

const PAST = /^(?:past_key_values|past_key_value|past|pkv)[._]/;
const PRESENT = /^(?:present_key_values|present|presents)[._]/;

function integer({ name, type }: ValueInfo, file: string): { name: string; type: 'int64' | 'int32' } {
  if (type === 'int64' || type === 'int32') return { name, type };
  throw new DiptychError('MODEL_INVALID', `expected input ${name} to be int64 or int32, it is ${type}`, {
    input: file,
  });
}

function float({ name, type }: ValueInfo, file: string): { name: string; type: FloatType } {
  if (type === 'float32' || type === 'float16') return { name, type };
  throw new DiptychError('MODEL_INVALID', `expected input ${name} to be float32 or float16, it is ${type}`, {
    input: file,
  });
}

/** Reads from an ONNX file how a text decoder is called. Throws MODEL_INVALID where it is none. */
export function decoderGraph(header: OnnxHeader): DecoderGraph {
  const { file, inputs, outputs } = header;
  const named = (pattern: RegExp): ValueInfo | undefined => inputs.find(({ name }) => pattern.test(name));
  const ids = named(/^(decoder_)?input_ids$/);
  const logits =
    outputs.find(({ name }) => name === 'logits') ?? outputs.find(({ name }) => /logits|scores/.test(name));
  if (ids === undefined || logits === undefined) {
    throw new DiptychError('MODEL_INVALID', 'a text decoder needs an input input_ids and an output logits', {
      input: file,
    });
  }
  const mask = named(/^(decoder_)?attention_mask$/);
  const positions = named(/^position_ids$/);
  const states = named(/^(encoder_hidden_states|encoder_outputs?|image_embeds)$/);
  const statesMask = named(/^encoder_attention_mask$/);
  return {
    file,
    ids: integer(ids, file),
    mask: mask === undefined ? null : integer(mask, file),
    positions: positions === undefined ? null : integer(positions, file),
    states: states === undefined ? null : float(states, file),
    statesMask: statesMask === undefined ? null : integer(statesMask, file),
    cacheSwitch: named(/^use_cache(_branch)?$/)?.name ?? null,
    past: inputs
      .filter(({ name }) => PAST.test(name))
      .map((input) => ({
        ...float(input, file),
        dims: input.dims.map((side) => (typeof side === 'number' ? side : null)),
        key: input.name.replace(PAST, ''),
      })),
    logits: logits.name,
    presents: outputs
      .filter(({ name }) => PRESENT.test(name))
      .map(({ name }) => ({ name, key: name.replace(PRESENT, '') })),
  };
}

/** The graphs of a decoder: for the prompt, and for each token after it (null: the whole text every time). */
export interface DecoderPlan {
  readonly first: DecoderGraph;
  readonly next: DecoderGraph | null;
}

/** Plans a decoder from its file and, where there is one, the file for the steps after the first. */
export function planDecoder(file: string, withPast: string | null): DecoderPlan {
  const first = decoderGraph(readOnnxHeader(file));
  if (withPast !== null) {
    const next = decoderGraph(readOnnxHeader(withPast));
    const made = new Set(first.presents.map(({ key }) => key));
    const missing = next.past.find(({ key }) => !made.has(key));
    if (missing === undefined) return { first, next };
    throw new DiptychError(
      'MODEL_INVALID',
      `its input ${missing.name} is not an output of ${file}; the two files are of different exports`,
      { input: withPast },
    );
  }
  return { first, next: first.past.length > 0 && first.presents.length > 0 ? first : null };
}

/** Image tokens of one image, [tokens, width], row after row. */
export interface ImageStates {
  readonly data: Float32Array;
  readonly tokens: number;
  readonly width: number;
}

export interface StepRow {
  readonly ids: readonly number[];
  readonly image: number;
}

/** Rows of a tensor in a new order (rows may come several times or not at all). */
function gather(tensor: HostTensor, rows: readonly number[]): HostTensor {
  const stride = tensor.dims.slice(1).reduce((product, side) => product * side, 1);
  const dims = [rows.length, ...tensor.dims.slice(1)];
  if (rows.length === tensor.dims[0] && rows.every((row, at) => row === at)) return tensor;
  const halves = tensor.data instanceof Uint16Array;
  const data = halves ? new Uint16Array(rows.length * stride) : new Float32Array(rows.length * stride);
  rows.forEach((row, at) => {
    data.set(tensor.data.subarray(row * stride, (row + 1) * stride) as Float32Array, at * stride);
  });
  return { type: tensor.type, data, dims };
}

function integers(
  type: 'int64' | 'int32',
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
): HostTensor {
  const dims = [rows, columns];
  const at = (i: number): number => value(Math.floor(i / columns), i % columns);
  return type === 'int32'
    ? { type, data: Int32Array.from({ length: rows * columns }, (_, i) => at(i)), dims }
    : { type, data: BigInt64Array.from({ length: rows * columns }, (_, i) => BigInt(at(i))), dims };
}

/** Runs a decoder step by step for a set of images, keeping its cache between the steps. */
export class DecoderRun {
  readonly #plan: DecoderPlan;
  readonly #session: (file: string) => Promise<SessionHost>;
  readonly #images: readonly ImageStates[];
  #past: Map<string, HostTensor> | null = null;
  seconds = 0;

  constructor(
    plan: DecoderPlan,
    session: (file: string) => Promise<SessionHost>,
    images: readonly ImageStates[],
  ) {
    this.#plan = plan;
    this.#session = session;
    this.#images = images;
  }

  /**
   * Logits after the last token of every row; `parents[r]` is the row of the step before that row r goes on from
   * (ignored at the first step).
   */
  async step(rows: readonly StepRow[], parents: readonly number[]): Promise<Float32Array[]> {
    const { next, first } = this.#plan;
    const past = next === null ? null : this.#past;
    const graph = past !== null && next !== null ? next : first;
    const feeds = this.#feeds(graph, rows, past, parents);
    const kept = graph.past.filter(({ key }) => !graph.presents.some((present) => present.key === key));
    const outputs =
      next === null ? [graph.logits] : [graph.logits, ...graph.presents.map(({ name }) => name)];
    const session = await this.#session(graph.file);
    const names = Object.keys(feeds);
    const dims = new Map(names.map((name) => [name, feeds[name]?.dims ?? []]));
    const result = await session.run(feeds, { outputs });
    this.seconds += result.milliseconds / 1000;
    if (next !== null) {
      const made = new Map<string, HostTensor>();
      for (const { name, key } of graph.presents) {
        const tensor = result.outputs[name];
        // A merged graph gives empty tensors for what it did not compute again.
        const length = tensor?.data.length ?? 0;
        if (tensor !== undefined && length > 0) made.set(key, tensor);
      }
      const refilled = past === null ? [] : [...kept, ...graph.past.filter(({ key }) => !made.has(key))];
      for (const { name, key, type } of refilled) {
        const buffer = result.returned[names.indexOf(name)];
        if (buffer === undefined) continue;
        const data = type === 'float16' ? new Uint16Array(buffer) : new Float32Array(buffer);
        made.set(key, { type, data, dims: dims.get(name) ?? [] });
      }
      this.#past = made;
    }
    return lastLogits(result.outputs[graph.logits], rows.length, graph.file);
  }

  #feeds(
    graph: DecoderGraph,
    rows: readonly StepRow[],
    past: Map<string, HostTensor> | null,
    parents: readonly number[],
  ): Record<string, HostTensor> {
    const total = rows[0]?.ids.length ?? 0;
    const from = past === null ? 0 : total - 1;
    const feeds: Record<string, HostTensor> = {
      [graph.ids.name]: integers(
        graph.ids.type,
        rows.length,
        total - from,
        (row, at) => rows[row]?.ids[from + at] ?? 0,
      ),
    };
    if (graph.mask !== null) feeds[graph.mask.name] = integers(graph.mask.type, rows.length, total, () => 1);
    if (graph.positions !== null) {
      feeds[graph.positions.name] = integers(
        graph.positions.type,
        rows.length,
        total - from,
        (_, at) => from + at,
      );
    }
    if (graph.states !== null) feeds[graph.states.name] = this.#states(graph.states.type, rows);
    if (graph.statesMask !== null) {
      const tokens = this.#images[rows[0]?.image ?? 0]?.tokens ?? 0;
      feeds[graph.statesMask.name] = integers(graph.statesMask.type, rows.length, tokens, () => 1);
    }
    if (graph.cacheSwitch !== null) {
      feeds[graph.cacheSwitch] = { type: 'bool', data: Uint8Array.of(past === null ? 0 : 1), dims: [1] };
    }
    for (const { name, key, type, dims } of graph.past) {
      const tensor = past?.get(key);
      feeds[name] =
        tensor === undefined
          ? {
              type,
              data: type === 'float16' ? new Uint16Array(0) : new Float32Array(0),
              dims: dims.map((side, axis) => (axis === 0 ? rows.length : (side ?? 0))),
            }
          : gather(tensor, parents);
    }
    return feeds;
  }

  #states(type: FloatType, rows: readonly StepRow[]): HostTensor {
    const { tokens, width } = this.#images[rows[0]?.image ?? 0] ?? { tokens: 0, width: 0 };
    const data = new Float32Array(rows.length * tokens * width);
    rows.forEach(({ image }, row) => {
      data.set(this.#images[image]?.data ?? new Float32Array(0), row * tokens * width);
    });
    const dims = [rows.length, tokens, width];
    return type === 'float32' ? { type, data, dims } : { type, data: floatsToHalves(data), dims };
  }
}

function lastLogits(tensor: HostTensor | undefined, rows: number, file: string): Float32Array[] {
  const [batch = 0, length = 0, vocabulary = 0] = tensor?.dims ?? [];
  if (tensor === undefined || batch !== rows || length < 1 || vocabulary < 2) {
    throw new DiptychError('MODEL_INVALID', 'expected logits of shape [rows, tokens, vocabulary]', {
      input: file,
    });
  }
  return Array.from({ length: rows }, (_, row) => {
    const from = (row * length + length - 1) * vocabulary;
    const view = tensor.data.subarray(from, from + vocabulary);
    if (view instanceof Float32Array) return view;
    if (view instanceof Uint16Array) return halvesToFloats(view);
    throw new DiptychError('MODEL_INVALID', `expected float logits, got ${tensor.type}`, { input: file });
  });
}
