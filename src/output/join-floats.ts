/** Numbers that came in pieces of any length, read from the first to the last in other lengths. */
export class FloatReader {
  readonly #pieces: readonly Float32Array[];
  #piece = 0;
  #at = 0;

  constructor(pieces: readonly Float32Array[]) {
    this.#pieces = pieces;
  }

  /** The next `count` numbers; throws where there are fewer. */
  take(count: number): Float32Array<ArrayBuffer> {
    const out = new Float32Array(count);
    for (let filled = 0; filled < count;) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined) throw new Error(`${String(count - filled)} numbers are missing at the end`);
      const part = piece.subarray(this.#at, this.#at + count - filled);
      out.set(part, filled);
      filled += part.length;
      this.#at += part.length;
      if (this.#at < piece.length) continue;
      this.#piece++;
      this.#at = 0;
    }
    return out;
  }
}

/** Vectors end to end. */
export function joinFloats(vectors: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  return new FloatReader(vectors).take(vectors.reduce((length, vector) => length + vector.length, 0));
}
