import { DiptychError } from '../errors.js';
import type { ModelDescription, TextPlan } from '../models/card.js';
import { cleaner } from './clean/clean.js';
import type { Encoder } from './encoder.js';
import { loadForeign } from './json/foreign.js';
import { loadEncoder } from './load-encoder.js';
import type { TokenizedText, TokenizeOptions, Tokenizer } from './types.js';

/**
 * The tokenizer of a model folder. Throws MODEL_UNSUPPORTED for a model without a text tower, MODEL_INVALID or
 * MODEL_UNSUPPORTED naming the file when the vocabulary is broken or of an unknown kind.
 */
export async function loadTokenizer(description: ModelDescription): Promise<Tokenizer> {
  const { text } = description;
  if (text === null) {
    throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no text tower; choose one that has', {
      input: description.name,
    });
  }
  const encoder = await openEncoder(text.plan);
  const { vocabularySize, files } = text.plan;
  if (vocabularySize !== null && encoder.largestId >= vocabularySize) {
    throw new DiptychError(
      'MODEL_INVALID',
      `has ids up to ${String(encoder.largestId)}, but ${text.graph.file} knows ${String(vocabularySize)} tokens: this is the tokenizer of another model`,
      { input: files['tokenizer'] ?? files['vocab'] ?? files['model'] ?? description.folder },
    );
  }
  return new PlanTokenizer(text.plan, encoder);
}

/** Our own encoder, or @huggingface/tokenizers for a tokenizer.json with parts that ours do not know. */
async function openEncoder(plan: TextPlan): Promise<Encoder> {
  try {
    return loadEncoder(plan);
  } catch (error) {
    const file = plan.files['tokenizer'];
    const known = plan.kind !== 'tokenizer-json' || file === undefined || plan.cleaning === 'lower';
    if (known || !(error instanceof DiptychError) || error.code !== 'MODEL_UNSUPPORTED') throw error;
    return loadForeign(file, error.message.replace(`${file}: `, ''));
  }
}

/** Cleans, encodes, cuts and pads as the plan says. */
export class PlanTokenizer implements Tokenizer {
  readonly #plan: TextPlan;
  readonly #encoder: Encoder;
  readonly #clean: (text: string) => string;
  readonly #zeroed: ReadonlySet<number>;
  /** Room for the text's own tokens. */
  readonly #room: number;

  constructor(plan: TextPlan, encoder: Encoder) {
    this.#plan = plan;
    this.#encoder = encoder;
    this.#clean = cleaner(plan.cleaning);
    this.#zeroed = new Set(plan.zeroed.map((token) => encoder.idOf(token)).filter((id) => id !== undefined));
    this.#room = plan.contextLength - encoder.before.length - encoder.after.length;
    if (this.#room < 1) {
      throw new DiptychError(
        'MODEL_INVALID',
        `a context of ${String(plan.contextLength)} tokens leaves no room beside the special tokens; check the configuration`,
      );
    }
  }

  get contextLength(): number {
    return this.#plan.contextLength;
  }

  get foreign(): string | null {
    return this.#encoder.foreign ?? null;
  }

  get padId(): number {
    return this.#plan.padId;
  }

  idOf(token: string): number | undefined {
    return this.#encoder.idOf(token);
  }

  tokenize(texts: readonly string[], options: TokenizeOptions = {}): TokenizedText[] {
    const pad = options.pad ?? this.#plan.padTo === 'context';
    return texts.map((text, index) => {
      const content = this.#encode(text, index);
      const truncated = content.length > this.#room;
      if (truncated && options.longText === 'error') {
        const length = content.length + this.#plan.contextLength - this.#room;
        throw new DiptychError(
          'TEXT_TOO_LONG',
          `${String(length)} tokens, and the model takes ${String(this.#plan.contextLength)}; shorten it, or use --long-text truncate or pool`,
          { input: text.length > 80 ? `${text.slice(0, 77)}...` : text },
        );
      }
      return this.#finish(text, truncated ? content.slice(0, this.#room) : content, truncated, pad);
    });
  }

  chunks(text: string): TokenizedText[] {
    const content = this.#encode(text, 0);
    const pad = this.#plan.padTo === 'context';
    const out: TokenizedText[] = [];
    for (let start = 0; start === 0 || start < content.length; start += this.#room) {
      out.push(this.#finish(text, content.slice(start, start + this.#room), false, pad));
    }
    return out;
  }

  #encode(text: string, index: number): readonly number[] {
    if (typeof text !== 'string') {
      throw new DiptychError('BAD_INPUT', `text ${String(index)} is ${typeof text}, expected a string`);
    }
    // Python's strings hold no lone surrogates when they come from UTF-8, and neither do the vocabularies.
    return this.#encoder.encode(this.#clean(wellFormed(text)));
  }

  #finish(text: string, content: readonly number[], truncated: boolean, pad: boolean): TokenizedText {
    const { before, after, dropsRepeatedEnd = false } = this.#encoder;
    const ended = dropsRepeatedEnd && content.length > 0 && content[content.length - 1] === after[0];
    const ids = [...before, ...content, ...(ended ? [] : after)];
    const length = ids.length;
    if (this.#zeroed.size > 0) ids.forEach((id, at) => (ids[at] = this.#zeroed.has(id) ? 0 : id));
    const mask = this.#plan.mask ? new Array<number>(length).fill(1) : null;
    if (pad) {
      while (ids.length < this.#plan.contextLength) {
        ids.push(this.#plan.padId);
        mask?.push(0);
      }
    }
    return { text, ids, attentionMask: mask, length, truncated };
  }
}

const SURROGATE = /[\ud800-\udfff]/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function wellFormed(text: string): string {
  return !SURROGATE.test(text) ? text : text.replace(LONE_SURROGATE, '\ufffd');
}
