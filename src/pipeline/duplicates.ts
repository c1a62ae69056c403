import { similarPairsOfBlocks } from '../similarity/range-blocks.js';
import { similarPairs, type RangeOptions } from '../similarity/range.js';
import type { RowSource } from './row-source.js';

/** Joins rows into groups (union by size, paths halved). */
class Groups {
  readonly #parent: Int32Array;
  readonly #size: Int32Array;

  constructor(rows: number) {
    this.#parent = Int32Array.from({ length: rows }, (_, row) => row);
    this.#size = new Int32Array(rows).fill(1);
  }

  find(row: number): number {
    let at = row;
    for (;;) {
      const parent = this.#parent[at] ?? at;
      if (parent === at) return at;
      const above = this.#parent[parent] ?? parent;
      this.#parent[at] = above;
      at = above;
    }
  }

  join(a: number, b: number): void {
    const [one, other] = [this.find(a), this.find(b)];
    if (one === other) return;
    const [small, large] = (this.#size[one] ?? 0) < (this.#size[other] ?? 0) ? [one, other] : [other, one];
    this.#parent[small] = large;
    this.#size[large] = (this.#size[large] ?? 0) + (this.#size[small] ?? 0);
  }
}

/**
 * Groups of rows that are near-duplicates: two rows are in one group when a chain of pairs that reach the threshold
 * leads from one to the other. Groups of at least two, rows in order, groups by their first row.
 */
export async function duplicateGroups(
  source: RowSource,
  threshold: number,
  options: RangeOptions,
): Promise<number[][]> {
  const groups = new Groups(source.rows);
  const found =
    source.whole === null
      ? similarPairsOfBlocks(source, threshold, options)
      : similarPairs(source.whole, threshold, options);
  for await (const pairs of found) {
    pairs.queries.forEach((query, at) => {
      groups.join(query, pairs.rows[at] ?? query);
    });
  }
  const members = new Map<number, number[]>();
  for (let row = 0; row < source.rows; row++) {
    const root = groups.find(row);
    const group = members.get(root);
    if (group === undefined) members.set(root, [row]);
    else group.push(row);
  }
  return [...members.values()].filter((group) => group.length > 1);
}
