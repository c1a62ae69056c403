import { DiptychError, throwIfAborted } from '../errors.js';
import type { MatchPlan, TextPlan } from '../models/card.js';
import { parseOptions, read } from '../options.js';
import type { ImageBytes } from '../pipeline/images.js';
import { textFeeds } from '../pipeline/text-feeds.js';
import type { Failure, Indexed, Notice } from '../pipeline/types.js';
import { floatsToHalves, halvesToFloats } from '../session/half.js';
import type { HostTensor } from '../session/host.js';
import type { TokenizedText } from '../text/types.js';
import type { ImageStates } from './generate/decoder.js';
import { imageStates, type HeadHost, type HeadSessions } from './heads.js';

/** [CLS] as Hugging Face feeds the matching head, or [ENC] as salesforce/BLIP's retrieval evaluation does. */
export type FirstToken = 'cls' | 'enc';

export interface MatchOptions {
  /** Default `cls`. */
  readonly firstToken?: FirstToken;
  readonly signal?: AbortSignal;
}

/** Whether images and texts belong together, images x texts. */
export interface Matches {
  /** Probability that they match: softmax of the two logits, rows x columns, row after row. */
  readonly data: Float32Array;
  /** The head's logits, rows x columns x 2: no match, match. */
  readonly logits: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** Row -> position of its image in what was passed in. */
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

/** Pairs per run of the matching head. */
const PAIRS = 32;

/** The matching head, ready for pairs. */
export class Matcher {
  readonly #plan: MatchPlan;
  readonly #text: TextPlan;
  readonly #sessions: HeadSessions;
  readonly #rows: readonly TokenizedText[];
  readonly #host: HeadHost;

  private constructor(
    host: HeadHost,
    sessions: HeadSessions,
    plan: MatchPlan,
    text: TextPlan,
    rows: TokenizedText[],
  ) {
    this.#host = host;
    this.#plan = plan;
    this.#text = text;
    this.#sessions = sessions;
    this.#rows = rows;
  }

  /** Throws MODEL_UNSUPPORTED for a model without the head, BAD_OPTION for [ENC] where there is none. */
  static async open(
    host: HeadHost,
    sessions: HeadSessions,
    texts: readonly string[],
    firstToken: FirstToken,
  ): Promise<Matcher> {
    const { match, text, name } = host.description;
    if (match === null || text === null) {
      throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no matching head; use BLIP or BLIP-2', {
        input: name,
      });
    }
    if (firstToken === 'enc' && match.encId === null) {
      throw new DiptychError('BAD_OPTION', 'the vocabulary of this model has no [ENC]; use cls', {
        input: 'firstToken',
      });
    }
    const first = firstToken === 'enc' ? match.encId : match.clsId;
    const tokenizer = await host.tokenizer();
    const longText = host.options.longText === 'error' ? 'error' : 'truncate';
    const rows = tokenizer
      .tokenize(texts, { longText })
      .map((row) => ({ ...row, ids: row.ids.map((id, at) => (at === 0 && first !== null ? first : id)) }));
    return new Matcher(host, sessions, match, text.plan, rows);
  }

  /** Logits [pairs, 2] of pairs of an image's states and the position of a text. */
  async logits(
    pairs: readonly (readonly [ImageStates, number])[],
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const result = new Float32Array(pairs.length * 2);
    for (let from = 0; from < pairs.length; from += PAIRS) {
      throwIfAborted(signal);
      result.set(await this.#run(pairs.slice(from, from + PAIRS)), from * 2);
    }
    return result;
  }

  async #run(pairs: readonly (readonly [ImageStates, number])[]): Promise<Float32Array> {
    const { graph } = this.#plan;
    const rows = pairs.flatMap(([, text]) => this.#rows[text] ?? []);
    const longest = rows.reduce((most, { length }) => Math.max(most, length), 1);
    const whole = graph.inputs.mask === undefined || graph.roundsActivations;
    const length = graph.fixedLength ?? (whole ? this.#text.contextLength : longest);
    const feeds = { ...textFeeds(graph, this.#text, rows, length), ...stateFeeds(this.#plan, pairs) };
    const session = await this.#sessions.get(graph.file);
    const result = await session.run(feeds, { outputs: [graph.output], fixedBatch: graph.fixedBatch });
    this.#host.imageTower().clock.add('encode', result.milliseconds);
    const output = result.outputs[graph.output];
    const data = output?.data instanceof Uint16Array ? halvesToFloats(output.data) : output?.data;
    if (!(data instanceof Float32Array) || data.length !== pairs.length * 2) {
      throw new DiptychError('MODEL_INVALID', 'expected two logits per pair (no match, match)', {
        input: graph.file,
      });
    }
    return data;
  }
}

function stateFeeds(
  { graph }: MatchPlan,
  pairs: readonly (readonly [ImageStates, number])[],
): Record<string, HostTensor> {
  const { encoderStates, encoderMask } = graph.inputs;
  if (encoderStates === undefined) {
    throw new DiptychError('MODEL_INVALID', 'the matching graph has no input for image states', {
      input: graph.file,
    });
  }
  const { tokens, width } = pairs[0]?.[0] ?? { tokens: 0, width: 0 };
  const data = new Float32Array(pairs.length * tokens * width);
  pairs.forEach(([states], row) => {
    data.set(states.data, row * tokens * width);
  });
  const dims = [pairs.length, tokens, width];
  const feeds: Record<string, HostTensor> = {
    [encoderStates.name]:
      encoderStates.type === 'float16'
        ? { type: 'float16', data: floatsToHalves(data), dims }
        : { type: 'float32', data, dims },
  };
  if (encoderMask !== undefined) {
    const count = pairs.length * tokens;
    feeds[encoderMask.name] =
      encoderMask.type === 'int32'
        ? { type: 'int32', data: new Int32Array(count).fill(1), dims: [pairs.length, tokens] }
        : { type: 'int64', data: new BigInt64Array(count).fill(1n), dims: [pairs.length, tokens] };
  }
  return feeds;
}

/** Softmax of two logits, the second's share. */
export function matchProbability(no: number, yes: number): number {
  return 1 / (1 + Math.exp(no - yes));
}

/** Parses the first token option, for `match` and `rerank`. */
export const readFirstToken = read.oneOf('cls', 'enc');

/**
 * Matches every image with every text by the ITM head (BLIP, BLIP-2). Throws MODEL_UNSUPPORTED, BAD_OPTION, ABORTED,
 * TEXT_TOO_LONG where texts may not be cut.
 */
export async function match(
  host: HeadHost,
  sessions: HeadSessions,
  images: readonly Indexed<ImageBytes>[],
  texts: readonly string[],
  given: MatchOptions | undefined,
): Promise<Matches> {
  const options = parseOptions<{ firstToken: FirstToken; signal: AbortSignal | null }>(
    given,
    { firstToken: readFirstToken, signal: read.signal },
    { firstToken: 'cls', signal: null },
    'match options',
  );
  const signal = options.signal ?? undefined;
  const matcher = await Matcher.open(host, sessions, texts, options.firstToken);
  const parts: Float32Array[] = [];
  const indices: number[] = [];
  const failures: Failure[] = [];
  const notices: Notice[] = [];
  for await (const batch of imageStates(host, images, signal)) {
    failures.push(...batch.failures);
    notices.push(...batch.notices);
    indices.push(...batch.indices);
    const pairs = batch.states.flatMap((states) => texts.map((_, text) => [states, text] as const));
    parts.push(await matcher.logits(pairs, signal));
  }
  const logits = new Float32Array(indices.length * texts.length * 2);
  let at = 0;
  for (const part of parts) {
    logits.set(part, at);
    at += part.length;
  }
  const data = Float32Array.from({ length: logits.length / 2 }, (_, pair) =>
    matchProbability(logits[2 * pair] ?? 0, logits[2 * pair + 1] ?? 0),
  );
  return { data, logits, rows: indices.length, columns: texts.length, indices, failures, notices };
}
