import type { SpacedText } from './spacing.js';

/**
 * Aho and Corasick's automaton (CACM 1975) over UTF-16 units: finds all occurrences of any number of strings in one
 * pass. For the entries that do not stand between spaces (MetaCLIP 2's scripts without spaces).
 */
export class Automaton {
  /** Transitions of the tree: (node, unit) -> node, open addressing. */
  readonly #fromNode: Int32Array;
  readonly #unit: Uint16Array;
  readonly #toNode: Int32Array;
  readonly #mask: number;
  readonly #fail: Int32Array;
  /** The nearest node along the failure links, itself included, where an entry ends; -1 for none. */
  readonly #output: Int32Array;
  readonly #firstEntry: Int32Array;
  readonly #nextEntry: Int32Array;

  /** `ids[i]` is what an occurrence of `entries[i]` reports. Empty entries are never found. */
  constructor(entries: readonly string[], ids: readonly number[], mostId: number) {
    const most = entries.reduce((sum, entry) => sum + entry.length, 1);
    const size = 2 ** Math.max(4, Math.ceil(Math.log2(most * 2 + 1)));
    this.#fromNode = new Int32Array(size).fill(-1);
    this.#unit = new Uint16Array(size);
    this.#toNode = new Int32Array(size);
    this.#mask = size - 1;
    this.#fail = new Int32Array(most);
    this.#output = new Int32Array(most).fill(-1);
    this.#firstEntry = new Int32Array(most).fill(-1);
    this.#nextEntry = new Int32Array(mostId).fill(-1);
    const parent = new Int32Array(most);
    const units = new Uint16Array(most);
    const depth = new Int32Array(most);
    let nodes = 1;
    entries.forEach((entry, at) => {
      let node = 0;
      for (let i = 0; i < entry.length; i++) {
        const unit = entry.charCodeAt(i);
        const slot = this.#slot(node, unit);
        if (this.#fromNode[slot] === -1) {
          this.#fromNode[slot] = node;
          this.#unit[slot] = unit;
          this.#toNode[slot] = nodes;
          parent[nodes] = node;
          units[nodes] = unit;
          depth[nodes] = i + 1;
          nodes++;
        }
        node = this.#toNode[slot] ?? 0;
      }
      const id = ids[at] ?? 0;
      if (node === 0) return;
      this.#nextEntry[id] = this.#firstEntry[node] ?? -1;
      this.#firstEntry[node] = id;
    });
    this.#link(nodes, parent, units, depth);
  }

  #slot(node: number, unit: number): number {
    let slot = (Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b)) >>> 9;
    for (slot &= this.#mask; ; slot = (slot + 1) & this.#mask) {
      const held = this.#fromNode[slot];
      if (held === -1 || (held === node && this.#unit[slot] === unit)) return slot;
    }
  }

  /** The node after `unit`, along failure links where the tree has no such edge. */
  #next(from: number, unit: number): number {
    for (let node = from; ; node = this.#fail[node] ?? 0) {
      const slot = this.#slot(node, unit);
      if (this.#fromNode[slot] !== -1) return this.#toNode[slot] ?? 0;
      if (node === 0) return 0;
    }
  }

  /** Failure and output links, shallow nodes first. */
  #link(nodes: number, parent: Int32Array, units: Uint16Array, depth: Int32Array): void {
    const order = Int32Array.from({ length: nodes }, (_, node) => node).sort(
      (a, b) => (depth[a] ?? 0) - (depth[b] ?? 0),
    );
    for (const node of order) {
      if (node === 0) continue;
      const above = parent[node] ?? 0;
      this.#fail[node] = above === 0 ? 0 : this.#next(this.#fail[above] ?? 0, units[node] ?? 0);
      const ends = (this.#firstEntry[node] ?? -1) >= 0;
      this.#output[node] = ends ? node : (this.#output[this.#fail[node] ?? 0] ?? -1);
    }
  }

  /** Calls `found` with the id of each occurrence of an entry. */
  match(text: SpacedText, found: (id: number) => void): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      node = this.#next(node, text.codes[i] ?? 0);
      let end = this.#output[node] ?? -1;
      while (end >= 0) {
        for (let id = this.#firstEntry[end] ?? -1; id >= 0; id = this.#nextEntry[id] ?? -1) found(id);
        const shorter = this.#fail[end] ?? 0;
        end = shorter === 0 ? -1 : (this.#output[shorter] ?? -1);
      }
    }
  }
}
