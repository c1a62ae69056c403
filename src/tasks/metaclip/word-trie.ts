import type { SpacedText } from './spacing.js';

const SPACE = 0x20;
/** FNV-1a, over UTF-16 units. */
const OFFSET = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

/** A table of distinct int pairs to ints, open addressing, sized once. */
class PairTable {
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #value: Int32Array;
  readonly #mask: number;

  constructor(most: number) {
    const size = 2 ** Math.max(4, Math.ceil(Math.log2(most * 2 + 1)));
    this.#first = new Int32Array(size).fill(-1);
    this.#second = new Int32Array(size);
    this.#value = new Int32Array(size);
    this.#mask = size - 1;
  }

  #slot(first: number, second: number): number {
    let slot = (Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 7;
    for (slot &= this.#mask; ; slot = (slot + 1) & this.#mask) {
      const held = this.#first[slot];
      if (held === -1 || (held === first && this.#second[slot] === second)) return slot;
    }
  }

  /** -1 where there is none. */
  get(first: number, second: number): number {
    const slot = this.#slot(first, second);
    return this.#first[slot] === -1 ? -1 : (this.#value[slot] ?? -1);
  }

  set(first: number, second: number, value: number): void {
    const slot = this.#slot(first, second);
    this.#first[slot] = first;
    this.#second[slot] = second;
    this.#value[slot] = value;
  }
}

/**
 * Entries that begin and end with a space, as a tree of words: such an entry is a substring of a spaced text exactly
 * when its words stand there one after the other. One look-up a word instead of one a character.
 */
export class WordTrie {
  readonly #pool: Uint16Array;
  readonly #wordStart: Int32Array;
  readonly #wordTable: Int32Array;
  readonly #wordHash: Int32Array;
  #words = 0;
  #pooled = 0;
  readonly #edges: PairTable;
  readonly #firstEntry: Int32Array;
  readonly #nextEntry: Int32Array;
  #nodes = 1;
  #ids = new Int32Array(256);

  /** `entries[i]` without its outer spaces; `ids[i]` is what a match reports. */
  constructor(entries: readonly string[], ids: readonly number[], mostId: number) {
    let units = 0;
    let words = 0;
    for (const entry of entries) {
      units += entry.length;
      words += 1;
      for (let i = 0; i < entry.length; i++) if (entry.charCodeAt(i) === SPACE) words++;
    }
    this.#pool = new Uint16Array(units + 1);
    this.#wordStart = new Int32Array(words + 2);
    const size = 2 ** Math.max(4, Math.ceil(Math.log2(words * 2 + 1)));
    this.#wordTable = new Int32Array(size).fill(-1);
    this.#wordHash = new Int32Array(words + 1);
    this.#edges = new PairTable(words + 1);
    this.#firstEntry = new Int32Array(words + 2).fill(-1);
    this.#nextEntry = new Int32Array(mostId).fill(-1);
    entries.forEach((entry, at) => {
      this.#add(entry, ids[at] ?? 0);
    });
  }

  #add(entry: string, id: number): void {
    let node = 0;
    for (const word of entry.split(' ')) {
      const codes = Uint16Array.from({ length: word.length }, (_, i) => word.charCodeAt(i));
      const known = this.#word(codes, 0, codes.length, true);
      let next = this.#edges.get(node, known);
      if (next < 0) {
        next = this.#nodes++;
        this.#edges.set(node, known, next);
      }
      node = next;
    }
    this.#nextEntry[id] = this.#firstEntry[node] ?? -1;
    this.#firstEntry[node] = id;
  }

  /** The number of a word, -1 where no entry has it (unless it is to be added). */
  #word(codes: Uint16Array, from: number, to: number, add: boolean): number {
    let hash = OFFSET;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (codes[i] ?? 0), PRIME);
    const mask = this.#wordTable.length - 1;
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const word = this.#wordTable[slot] ?? -1;
      if (word === -1) {
        if (!add) return -1;
        this.#wordTable[slot] = this.#words;
        this.#wordHash[this.#words] = hash;
        this.#pool.set(codes.subarray(from, to), this.#pooled);
        this.#pooled += to - from;
        this.#wordStart[this.#words + 1] = this.#pooled;
        return this.#words++;
      }
      if (this.#wordHash[word] !== hash) continue;
      const start = this.#wordStart[word] ?? 0;
      if ((this.#wordStart[word + 1] ?? 0) - start !== to - from) continue;
      let same = 0;
      while (same < to - from && this.#pool[start + same] === codes[from + same]) same++;
      if (same === to - from) return word;
    }
  }

  /** Calls `found` with the id of each occurrence of an entry. */
  match(text: SpacedText, found: (id: number) => void): void {
    const { codes, length } = text;
    // Words between two spaces: the outer spaces of the text bound the first and the last one.
    let count = 0;
    for (let from = 1; from < length;) {
      let to = from;
      while (codes[to] !== SPACE) to++;
      if (count === this.#ids.length) {
        const more = new Int32Array(count * 2);
        more.set(this.#ids);
        this.#ids = more;
      }
      this.#ids[count++] = this.#word(codes, from, to, false);
      from = to + 1;
    }
    for (let first = 0; first < count; first++) {
      let node = 0;
      for (let at = first; at < count; at++) {
        const word = this.#ids[at] ?? -1;
        if (word < 0) break;
        node = this.#edges.get(node, word);
        if (node < 0) break;
        for (let id = this.#firstEntry[node] ?? -1; id >= 0; id = this.#nextEntry[id] ?? -1) found(id);
      }
    }
  }
}
