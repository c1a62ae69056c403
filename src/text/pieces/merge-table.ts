/**
 * Merges by their pair of ids: an open-addressing hash table over typed arrays. A Map with `left * size + right`
 * as its key needs heap numbers beyond 2^31, which made cold CLIP words three times slower, and an object per
 * merge (Gemma has 580,000).
 */
export class MergeTable {
  readonly #mask: number;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #rank: Int32Array;
  readonly #id: Int32Array;

  constructor(capacity: number) {
    let slots = 16;
    while (slots < capacity * 2) slots *= 2;
    this.#mask = slots - 1;
    this.#left = new Int32Array(slots).fill(-1);
    this.#right = new Int32Array(slots);
    this.#rank = new Int32Array(slots);
    this.#id = new Int32Array(slots);
  }

  /** Adds a merge; the first of two for the same pair stays. */
  add(left: number, right: number, rank: number, id: number): void {
    let slot = this.#hash(left, right);
    for (; this.#left[slot] !== -1; slot = (slot + 1) & this.#mask) {
      if (this.#left[slot] === left && this.#right[slot] === right) return;
    }
    this.#left[slot] = left;
    this.#right[slot] = right;
    this.#rank[slot] = rank;
    this.#id[slot] = id;
  }

  /** Where the merge of two ids is kept, or -1. */
  find(left: number, right: number): number {
    for (let slot = this.#hash(left, right); ; slot = (slot + 1) & this.#mask) {
      const here = this.#left[slot];
      if (here === -1) return -1;
      if (here === left && this.#right[slot] === right) return slot;
    }
  }

  rank(slot: number): number {
    return this.#rank[slot] ?? 0;
  }

  id(slot: number): number {
    return this.#id[slot] ?? 0;
  }

  #hash(left: number, right: number): number {
    const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }
}
