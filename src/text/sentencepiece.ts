import type { Encoder } from './encoder.js';
import { CharsMap } from './json/charsmap.js';
import { cutBefore, keepsWords, MARK } from './pieces/cut.js';
import { Unigram } from './pieces/unigram.js';
import { collapse, lower, strip } from './python.js';
import { readSentencePiece, type SentencePieceModel } from './sentencepiece-file.js';

/** Python's string.punctuation. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
const SPECIALS = /(<\/s>|<unk>)/;
const SPECIAL = /^(?:<\/s>|<unk>)$/;

/**
 * A SentencePiece unigram model as SigLIP's own Python tokenizer (transformers' SiglipTokenizer) drives it:
 * lower case, punctuation removed, white space collapsed; "<unk>" is put before the text and its tokens are
 * taken off again, so that leading marks survive; special tokens inside the text are recognised.
 * Throws MODEL_INVALID for a broken file, MODEL_UNSUPPORTED for one that is not a unigram model.
 */
export function loadSentencePiece(file: string): Encoder {
  return new SentencePieceEncoder(readSentencePiece(file));
}

class SentencePieceEncoder implements Encoder {
  readonly before: readonly number[] = [];
  readonly after: readonly number[];
  readonly #spec: SentencePieceModel;
  readonly #charsMap: CharsMap;
  readonly #model: Unigram;
  readonly #end: number;
  readonly #prefixLength: number;
  readonly #byWord: boolean;
  readonly dropsRepeatedEnd = true;
  readonly largestId: number;

  constructor(spec: SentencePieceModel) {
    this.#spec = spec;
    this.#charsMap = new CharsMap(spec.charsMap);
    this.largestId = spec.pieces.length - 1;
    this.#model = new Unigram(spec.pieces, {
      unknownId: spec.unknownId,
      byteFallback: spec.byteFallback,
      fuseUnknown: true,
      defined: spec.defined,
    });
    this.#end = spec.ids.get('</s>') ?? spec.ids.get('<eos>') ?? 1;
    this.after = [this.#end];
    this.#byWord = keepsWords(spec.ids.keys());
    this.#prefixLength = this.#pieces(spec.unknownPiece).length;
  }

  idOf(token: string): number | undefined {
    return this.#spec.ids.get(token);
  }

  encode(text: string): readonly number[] {
    const ids: number[] = [];
    const [first, ...rest] = (MARK + text.replaceAll(MARK, ' '))
      .split(SPECIALS)
      .filter((part) => part !== '');
    if (first !== undefined) {
      const begun = this.#segment(first);
      // A lone mark before a special token is dropped.
      const lone = begun.length === 1 && begun[0] === this.#spec.ids.get(MARK);
      if (!lone || !SPECIAL.test(rest[0] ?? '')) ids.push(...begun);
    }
    for (const part of rest) ids.push(...this.#segment(part));
    return ids;
  }

  #segment(text: string): readonly number[] {
    if (SPECIAL.test(text)) return [this.#spec.ids.get(text) ?? this.#spec.unknownId];
    const clean = strip(collapse(lower(text).replace(PUNCTUATION, '')));
    const ids = this.#pieces(this.#spec.unknownPiece + clean);
    return ids.length >= this.#prefixLength ? ids.slice(this.#prefixLength) : ids;
  }

  #pieces(text: string): readonly number[] {
    let normal = this.#charsMap.normalizeLongest(text);
    if (this.#spec.removeExtraSpaces) normal = normal.replace(/ +/g, ' ').replace(/^ | $/g, '');
    if (normal === '') return [];
    if (this.#spec.dummyPrefix) normal = ` ${normal}`;
    const marked = normal.replaceAll(' ', MARK);
    if (!this.#byWord) return this.#model.encode(marked);
    const ids: number[] = [];
    let unknown = false;
    for (const word of cutBefore(marked, MARK)) {
      const own = this.#model.encode(word);
      // Unknown characters on both sides of a cut would have been one unknown token.
      const from = unknown && own[0] === this.#spec.unknownId ? 1 : 0;
      for (let at = from; at < own.length; at++) ids.push(own[at] ?? 0);
      unknown = own.length > 0 && own[own.length - 1] === this.#spec.unknownId;
    }
    return ids;
  }
}
