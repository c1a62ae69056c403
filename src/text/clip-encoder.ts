import type { Encoder } from './encoder.js';
import { escape } from './json/patterns.js';
import { toByteSymbols } from './json/pre-tokenizers.js';
import { Bpe } from './pieces/bpe.js';
import { WHITE_SPACE } from './python.js';
import { category } from './unicode/categories.js';
import { classOf } from './unicode/ranges.js';

const CACHE_LIMIT = 1 << 16;

/** How the two Python tokenizers of CLIP spell the special tokens that they recognise inside a text. */
export const SPELLINGS = {
  openai: ['<|startoftext|>', '<|endoftext|>'],
  open_clip: ['<start_of_text>', '<end_of_text>'],
} as const;

const CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/**
 * A literal in any letter case, as Python's `regex` matches it: the long s and the Kelvin sign too. The i flag
 * will not do: JavaScript applies it to \p{L} as well, which then takes in U+0345.
 */
function anyCase(literal: string): string {
  return Array.from(literal, (character) => {
    const upper = character.toUpperCase();
    const more = character === 's' ? '\u017f' : character === 'k' ? '\u212a' : '';
    return upper === character ? escape(character) : `[${character}${upper}${more}]`;
  }).join('');
}

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
    const words = [startText, endText, ...CONTRACTIONS].map(anyCase).join('|');
    // U+0345 has a letter's case without being one: it is in neither class of Python's pattern, and dropped.
    const letters = classOf(category('regex', 'L') ?? []);
    const numbers = classOf(category('regex', 'N') ?? []);
    this.#pattern = new RegExp(
      `${words}|[${letters}]+|[${numbers}]|[^${WHITE_SPACE}${letters}${numbers}\\u0345]+`,
      'gu',
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
