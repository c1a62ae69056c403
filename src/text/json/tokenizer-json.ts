import { DiptychError } from '../../errors.js';
import { at, readJson, type Json } from '../../models/json.js';
import type { Encoder } from '../encoder.js';
import { cutBefore } from '../pieces/cut.js';
import { AddedTokens } from './added-tokens.js';
import { lowerEach } from '../python.js';
import { compileModel, type PieceModel } from './model.js';
import { compileNormalizer, type Normalizer } from './normalizers.js';
import { compilePostProcessor } from './post-processor.js';
import { compilePreTokenizer, type PreTokenizer } from './pre-tokenizers.js';

const CACHE_LIMIT = 1 << 16;

/** A tokenizer.json, compiled: added tokens, normaliser, pre-tokenizers, model, post-processor. */
export class JsonEncoder implements Encoder {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly largestId: number;
  readonly model: PieceModel;
  readonly #added: AddedTokens;
  readonly #first: PreTokenizer;
  readonly #rest: readonly PreTokenizer[];
  readonly #cache = new Map<string, readonly number[]>();

  /** `lowercase`: before the file's own normaliser, as transformers' Siglip2Tokenizer does. */
  constructor(config: Json, options: { readonly lowercase?: boolean } = {}) {
    const own: Normalizer | null = compileNormalizer(config['normalizer']);
    const normalizer: Normalizer | null =
      options.lowercase === true ? (text) => (own ?? ((same) => same))(lowerEach(text)) : own;
    this.model = compileModel(config['model']);
    this.#added = new AddedTokens(config['added_tokens'], normalizer);
    let largest = -1;
    for (const id of this.model.vocabulary.values()) if (id > largest) largest = id;
    this.largestId = Math.max(largest, ...this.#added.ids.values());
    const [first, ...rest] = compilePreTokenizer(config['pre_tokenizer']);
    this.#first = first ?? ((text) => [text]);
    this.#rest = rest;
    const surround = compilePostProcessor(config['post_processor']);
    this.before = surround.before;
    this.after = surround.after;
  }

  idOf(token: string): number | undefined {
    return this.#added.ids.get(token) ?? this.model.vocabulary.get(token);
  }

  encode(text: string): number[] {
    const out: number[] = [];
    for (const part of this.#added.split(text)) {
      if ('id' in part) {
        out.push(part.id);
        continue;
      }
      for (const piece of this.#first(part.text, part.first)) {
        for (const id of this.#piece(piece)) out.push(id);
      }
    }
    return out;
  }

  /** Ids of a piece of the first pre-tokenizer: all that follows looks at that piece alone. */
  #piece(piece: string): readonly number[] {
    if (this.#rest.length === 0 && this.model.cut === null) return this.model.encode(piece);
    const known = this.#cache.get(piece);
    if (known !== undefined) return known;
    let words = [piece];
    for (const stage of this.#rest) words = words.flatMap((word) => stage(word, false));
    const cut = this.model.cut;
    if (cut !== null) words = words.flatMap((word) => cutBefore(word, cut));
    const ids: number[] = [];
    for (const word of words) for (const id of this.model.encode(word)) ids.push(id);
    // Whole captions of a tokenizer without word splitting would only fill the cache.
    if (piece.length <= 64) {
      if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
      this.#cache.set(piece, ids);
    }
    return ids;
  }
}

/** Compiles the tokenizer.json of a model folder. Throws MODEL_INVALID or MODEL_UNSUPPORTED naming the file. */
export function loadTokenizerJson(file: string, options: { readonly lowercase?: boolean } = {}): JsonEncoder {
  const json = readJson(file);
  if (at(json, 'model') === undefined) {
    throw new DiptychError('MODEL_INVALID', 'has no "model": this is no tokenizer.json; fetch it again', {
      input: file,
    });
  }
  try {
    return new JsonEncoder(json, options);
  } catch (cause) {
    if (!(cause instanceof RangeError) && !(cause instanceof SyntaxError)) throw cause;
    throw new DiptychError(
      'MODEL_UNSUPPORTED',
      `this tokenizer needs ${cause.message}, which is not known here`,
      {
        input: file,
        cause,
      },
    );
  }
}
