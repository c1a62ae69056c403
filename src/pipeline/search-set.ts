import type { EmbeddingSet } from '../output/embedding-set.js';
import { topKBlocks } from '../similarity/blocks.js';
import { topK, type Hits, type TopKOptions } from '../similarity/topk.js';
import type { AnyRows } from '../similarity/rows.js';
import { openRows, type RowSource } from './row-source.js';

export interface SetHit {
  readonly row: number;
  readonly score: number;
}

/** The k best rows of a source, wherever they are. */
export function topKOf(queries: AnyRows, source: RowSource, k: number, options: TopKOptions): Promise<Hits> {
  return source.whole === null
    ? topKBlocks(queries, source, k, options)
    : topK(queries, source.whole, k, options);
}

/** The k best rows of a set on disk for each query, which need not fit into memory. Score down, then row up. */
export async function searchSet(
  queries: AnyRows,
  set: EmbeddingSet,
  k: number,
  options: TopKOptions,
): Promise<SetHit[][]> {
  const hits = await topKOf(queries, await openRows(set), k, options);
  return Array.from({ length: hits.rows }, (_, query) =>
    Array.from({ length: hits.k }, (__, rank) => {
      const at = query * hits.k + rank;
      return { row: hits.indices[at] ?? 0, score: hits.scores[at] ?? 0 };
    }),
  );
}
