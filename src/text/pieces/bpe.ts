import { MergeTable } from './merge-table.js';

/** Words up to this many symbols are merged by scanning; longer ones by a heap (a scan costs n^2). */
const SCAN_LIMIT = 48;
/** Bound of the word cache: 64k words are about 10 MB and cover 10,000 captions many times over. */
const CACHE_LIMIT = 1 << 16;

export interface BpeOptions {
  /** Appended to the last symbol of a word ("</w>" for CLIP). */
  readonly endOfWord: string;
  /** Unknown symbols become their UTF-8 bytes' tokens <0x00>..<0xFF>. */
  readonly byteFallback: boolean;
  readonly unknownId: number | undefined;
  /** Neighbouring unknown symbols become one. */
  readonly fuseUnknown: boolean;
  /** A word that is in the vocabulary is taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
}

/** Byte-pair encoding of one word: merge the pair of lowest rank, leftmost first, until none is left. */
export class Bpe {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #merges: MergeTable;
  readonly #options: BpeOptions;
  readonly #cache = new Map<string, readonly number[]>();
  readonly #bytes: readonly (number | undefined)[];

  constructor(
    vocabulary: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
    options: BpeOptions,
  ) {
    this.#vocabulary = vocabulary;
    this.#options = options;
    this.#merges = new MergeTable(merges.length);
    for (const [rank, [left, right]] of merges.entries()) {
      const a = vocabulary.get(left);
      const b = vocabulary.get(right);
      const id = vocabulary.get(left + right);
      // A merge whose parts or result are no tokens can never apply.
      if (a !== undefined && b !== undefined && id !== undefined) this.#merges.add(a, b, rank, id);
    }
    this.#bytes = Array.from({ length: 256 }, (_, byte) =>
      vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    );
  }

  /** Ids of one word. The result is shared: do not change it. */
  encode(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const ids = this.#merge(word);
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
    this.#cache.set(word, ids);
    return ids;
  }

  #merge(word: string): readonly number[] {
    if (word === '') return [];
    if (this.#options.ignoreMerges) {
      const whole = this.#vocabulary.get(word);
      if (whole !== undefined) return [whole];
    }
    const symbols = this.#symbols(word);
    return symbols.length <= SCAN_LIMIT ? this.#scan(symbols) : this.#heap(symbols);
  }

  #symbols(word: string): number[] {
    const characters = Array.from(word);
    const ids: number[] = [];
    let unknownBefore = false;
    for (const [index, character] of characters.entries()) {
      const symbol = index === characters.length - 1 ? character + this.#options.endOfWord : character;
      const id = this.#vocabulary.get(symbol);
      if (id !== undefined) {
        ids.push(id);
        unknownBefore = false;
        continue;
      }
      const bytes = this.#options.byteFallback ? this.#byteIds(symbol) : undefined;
      if (bytes !== undefined) {
        ids.push(...bytes);
        unknownBefore = false;
      } else if (this.#options.unknownId !== undefined) {
        if (!(unknownBefore && this.#options.fuseUnknown)) ids.push(this.#options.unknownId);
        unknownBefore = true;
      }
    }
    return ids;
  }

  #byteIds(symbol: string): number[] | undefined {
    const ids: number[] = [];
    for (const byte of Buffer.from(symbol, 'utf8')) {
      const id = this.#bytes[byte];
      if (id === undefined) return undefined;
      ids.push(id);
    }
    return ids;
  }

  #scan(symbols: number[]): number[] {
    const merges = this.#merges;
    for (;;) {
      let best = -1;
      let lowest = Infinity;
      let where = -1;
      for (let at = 0; at + 1 < symbols.length; at++) {
        const slot = merges.find(symbols[at] ?? 0, symbols[at + 1] ?? 0);
        if (slot >= 0 && merges.rank(slot) < lowest) {
          best = slot;
          lowest = merges.rank(slot);
          where = at;
        }
      }
      if (best < 0) return symbols;
      symbols.splice(where, 2, merges.id(best));
    }
  }

  /** The same over a linked list with a heap of candidate pairs; a candidate whose symbols changed is stale. */
  #heap(symbols: number[]): number[] {
    const count = symbols.length;
    const ids = Int32Array.from(symbols);
    const next = Int32Array.from(symbols, (_, at) => (at + 1 < count ? at + 1 : -1));
    const previous = Int32Array.from(symbols, (_, at) => at - 1);
    const heap = new PairHeap();
    const offer = (left: number): void => {
      const right = next[left] ?? -1;
      if (left < 0 || right < 0) return;
      const slot = this.#merges.find(ids[left] ?? 0, ids[right] ?? 0);
      if (slot >= 0) heap.push({ rank: this.#merges.rank(slot), at: left, slot });
    };
    for (let at = 0; at + 1 < count; at++) offer(at);
    for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
      const left = pair.at;
      const right = next[left] ?? -1;
      if ((ids[left] ?? -1) < 0 || right < 0) continue;
      if (this.#merges.find(ids[left] ?? 0, ids[right] ?? 0) !== pair.slot) continue;
      ids[left] = this.#merges.id(pair.slot);
      ids[right] = -1;
      const after = next[right] ?? -1;
      next[left] = after;
      next[right] = -1;
      if (after >= 0) previous[after] = left;
      offer(previous[left] ?? -1);
      offer(left);
    }
    return Array.from(ids.filter((id) => id >= 0));
  }
}

interface Pair {
  readonly rank: number;
  readonly at: number;
  readonly slot: number;
}

/** Binary min-heap by rank, then position. */
class PairHeap {
  readonly #items: Pair[] = [];

  push(pair: Pair): void {
    const items = this.#items;
    let at = items.length;
    items.push(pair);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = items[up];
      if (parent === undefined || !before(pair, parent)) break;
      items[at] = parent;
      at = up;
    }
    items[at] = pair;
  }

  pop(): Pair | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = items[down];
      const right = items[down + 1];
      if (child !== undefined && right !== undefined && before(right, child)) {
        child = right;
        down++;
      }
      if (child === undefined || !before(child, last)) break;
      items[at] = child;
      at = down;
    }
    items[at] = last;
    return top;
  }
}

function before(a: Pair, b: Pair): boolean {
  return a.rank !== b.rank ? a.rank < b.rank : a.at < b.at;
}
