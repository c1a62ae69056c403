const CACHE_LIMIT = 1 << 16;
/** What SentencePiece and Hugging Face take off the lowest score for an unknown character. */
const UNKNOWN_PENALTY = 10;

export interface UnigramOptions {
  readonly unknownId: number;
  readonly byteFallback: boolean;
  /** Neighbouring unknown characters become one token. */
  readonly fuseUnknown: boolean;
  /** Score of a piece that is always taken (SentencePiece's user-defined symbols), by piece. */
  readonly defined?: ReadonlySet<string>;
}

/** Unigram language model: the segmentation of the highest summed score (Viterbi). */
export class Unigram {
  readonly #ids = new Map<string, number>();
  readonly #longest: number;
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  readonly #options: UnigramOptions;
  readonly #cache = new Map<string, readonly number[]>();
  readonly #bytes: readonly (number | undefined)[];

  /** `pieces[id]` is the piece and its log probability; null entries are control pieces that no text matches. */
  constructor(pieces: readonly (readonly [string, number] | null)[], options: UnigramOptions) {
    this.#options = options;
    this.#scores = new Float64Array(pieces.length);
    const bytes = new Map<string, number>();
    let lowest = Infinity;
    let highest = -Infinity;
    let longest = 1;
    for (const [id, entry] of pieces.entries()) {
      if (entry === null) continue;
      const [piece, score] = entry;
      this.#scores[id] = score;
      if (score < lowest) lowest = score;
      if (score > highest) highest = score;
      if (/^<0x[0-9A-F]{2}>$/.test(piece)) bytes.set(piece, id);
      if (piece === '') continue;
      this.#ids.set(piece, id);
      if (piece.length > longest) longest = piece.length;
    }
    // SentencePiece scores a defined symbol by its length, above every sum of scores it could lose to.
    for (const [id, entry] of pieces.entries()) {
      if (entry !== null && options.defined?.has(entry[0]) === true) {
        this.#scores[id] = Array.from(entry[0]).length * highest - 0.1;
      }
    }
    this.#longest = longest;
    this.#unknownScore = lowest - UNKNOWN_PENALTY;
    this.#bytes = Array.from({ length: 256 }, (_, byte) =>
      bytes.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    );
  }

  /** Ids of a stretch of text. The result is shared: do not change it. */
  encode(text: string): readonly number[] {
    const known = this.#cache.get(text);
    if (known !== undefined) return known;
    const ids = this.#viterbi(text);
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
    this.#cache.set(text, ids);
    return ids;
  }

  #viterbi(text: string): readonly number[] {
    const length = text.length;
    const best = new Float64Array(length + 1).fill(-Infinity);
    const from = new Int32Array(length + 1);
    const piece = new Int32Array(length + 1).fill(-1);
    best[0] = 0;
    for (let start = 0; start < length;) {
      const width = (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
      const base = best[start] ?? -Infinity;
      let single = false;
      const limit = Math.min(length, start + this.#longest);
      for (let end = start + width; end <= limit; end++) {
        const id = this.#ids.get(text.slice(start, end));
        if (id === undefined) continue;
        if (end === start + width) single = true;
        const score = base + (this.#scores[id] ?? 0);
        if (score > (best[end] ?? -Infinity)) {
          best[end] = score;
          from[end] = start;
          piece[end] = id;
        }
      }
      if (!single && base + this.#unknownScore > (best[start + width] ?? -Infinity)) {
        best[start + width] = base + this.#unknownScore;
        from[start + width] = start;
        piece[start + width] = -1;
      }
      start += width;
    }
    return this.#walk(text, from, piece);
  }

  #walk(text: string, from: Int32Array, piece: Int32Array): number[] {
    const groups: { id: number; text: string }[] = [];
    for (let end = text.length; end > 0; end = from[end] ?? 0) {
      const id = piece[end] ?? -1;
      const known = id < 0 || id === this.#options.unknownId ? -1 : id;
      const last = groups[groups.length - 1];
      const part = text.slice(from[end] ?? 0, end);
      if (known < 0 && last !== undefined && last.id < 0 && this.#options.fuseUnknown)
        last.text = part + last.text;
      else groups.push({ id: known, text: part });
    }
    const ids: number[] = [];
    for (const group of groups.reverse()) {
      if (group.id >= 0) ids.push(group.id);
      else ids.push(...this.#unknown(group.text));
    }
    return ids;
  }

  #unknown(text: string): number[] {
    if (!this.#options.byteFallback) return [this.#options.unknownId];
    const ids: number[] = [];
    for (const byte of Buffer.from(text, 'utf8')) {
      const id = this.#bytes[byte];
      if (id === undefined) return [this.#options.unknownId];
      ids.push(id);
    }
    return ids;
  }
}
