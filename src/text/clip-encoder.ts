import type { Encoder } from './encoder.js';
import { toByteSymbols } from './json/pre-tokenizers.js';
import { Bpe } from './pieces/bpe.js';
import { WHITE_SPACE } from './python.js';

const CACHE_LIMIT = 1 << 16;

/** How the two Python tokenizers of CLIP spell the special tokens that they recognise inside a text. */
export const SPELLINGS = {
  openai: ['<|startoftext|>', '<|endoftext|>'],
  open_clip: ['<start_of_text>', '<end_of_text>'],
} as const;

/**
 * SimpleTokenizer of openai/CLIP and open_clip over an already cleaned text: the regular expression (case
 * insensitive, as theirs), then byte-level BPE.
 */
export class ClipEncoder implements Encoder {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly largestId: number;
  readonly #bpe: Bpe;
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #pattern: RegExp;
  readonly #cache = new Map<string, readonly number[]>();

  /** `ends` are the ids of start and end of text. */
  constructor(
    vocabulary: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
    ends: readonly [number, number],
    spelling: keyof typeof SPELLINGS,
  ) {
    this.#vocabulary = vocabulary;
    this.#bpe = new Bpe(vocabulary, merges, {
      endOfWord: '</w>',
      byteFallback: false,
      fuseUnknown: false,
      ignoreMerges: false,
      unknownId: undefined,
    });
    const [start, end] = ends;
    this.largestId = Math.max(start, end, vocabulary.size - 1);
    this.before = [start];
    this.after = [end];
    const [startText, endText] = SPELLINGS[spelling];
    this.#cache.set(startText, [start]).set(endText, [end]);
    const specials = `${startText}|${endText}`.replaceAll(/<\||\|>/g, (part) => part.replace('|', '\\|'));
    this.#pattern = new RegExp(
      `${specials}|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^${WHITE_SPACE}\\p{L}\\p{N}]+`,
      'giu',
    );
  }

  idOf(token: string): number | undefined {
    return this.#vocabulary.get(token);
  }

  encode(text: string): number[] {
    const out: number[] = [];
    for (const word of text.match(this.#pattern) ?? []) {
      let ids = this.#cache.get(word);
      if (ids === undefined) {
        ids = this.#bpe.encode(toByteSymbols(word));
        if (this.#cache.size < CACHE_LIMIT) this.#cache.set(word, ids);
      }
      for (const id of ids) out.push(id);
    }
    return out;
  }
}
