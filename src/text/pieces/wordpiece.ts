const CACHE_LIMIT = 1 << 16;

export interface WordPieceOptions {
  /** Marks a piece that continues a word. */
  readonly prefix: string;
  readonly unknownId: number;
  /** Longer words (in code points) are unknown as a whole: 100 in Hugging Face, 200 in Google's and cn_clip. */
  readonly maxCharacters: number;
}

/** WordPiece: greedy longest match from the left; a word with a gap is unknown as a whole. */
export class WordPiece {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #options: WordPieceOptions;
  readonly #cache = new Map<string, readonly number[]>();
  readonly #longest: number;

  constructor(vocabulary: ReadonlyMap<string, number>, options: WordPieceOptions) {
    this.#vocabulary = vocabulary;
    this.#options = options;
    let longest = 1;
    for (const token of vocabulary.keys()) if (token.length > longest) longest = token.length;
    this.#longest = longest;
  }

  /** Ids of one word. The result is shared: do not change it. */
  encode(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const ids = this.#split(word);
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
    this.#cache.set(word, ids);
    return ids;
  }

  #split(word: string): readonly number[] {
    const whole = this.#vocabulary.get(word);
    if (word.length > this.#options.maxCharacters && codePoints(word) > this.#options.maxCharacters) {
      return [this.#options.unknownId];
    }
    if (whole !== undefined) return [whole];
    const ids: number[] = [];
    let start = 0;
    while (start < word.length) {
      const prefix = start === 0 ? '' : this.#options.prefix;
      let end = Math.min(word.length, start + this.#longest);
      let id: number | undefined;
      for (; end > start; end--) {
        // A token never ends inside a surrogate pair: such a half is in no vocabulary.
        id = this.#vocabulary.get(prefix + word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#options.unknownId];
      ids.push(id);
      start = end;
    }
    return ids;
  }
}

function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) count++;
  return count;
}
