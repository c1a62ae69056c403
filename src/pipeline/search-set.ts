import { readParts, type EmbeddingSet } from '../output/embedding-set.js';
import { topK, type TopKOptions } from '../similarity/topk.js';
import type { Rows } from '../similarity/rows.js';

export interface SetHit {
  readonly row: number;
  readonly score: number;
}

/**
 * The k best rows of a set on disk for each query, part by part: one part in memory at a time. Score down, then row up,
 * whatever the parts are.
 */
export async function searchSet(
  queries: Rows,
  set: EmbeddingSet,
  k: number,
  options: TopKOptions,
): Promise<SetHit[][]> {
  const best: SetHit[][] = Array.from({ length: queries.rows }, () => []);
  for await (const part of readParts(set)) {
    const hits = await topK(queries, part, k, options);
    best.forEach((known, query) => {
      for (let rank = 0; rank < hits.k; rank++) {
        const at = query * hits.k + rank;
        known.push({ row: part.first + (hits.indices[at] ?? 0), score: hits.scores[at] ?? 0 });
      }
      known.sort((a, b) => b.score - a.score || a.row - b.row);
      known.length = Math.min(known.length, k);
    });
  }
  return best;
}
