import type { RowBatch } from './types.js';

/** Embeddings of a list of inputs. */
export type Embeddings = RowBatch;

/** Joins parts of a run, in order; `dim` is what an empty result is said to have. */
export function joinRows(parts: readonly RowBatch[], dim: number): Embeddings {
  const filled = parts.find((part) => part.rows > 0);
  const data = new Float32Array(parts.reduce((length, part) => length + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return {
    data,
    rows: parts.reduce((rows, part) => rows + part.rows, 0),
    dim: filled?.dim ?? dim,
    vectors: filled?.vectors ?? 1,
    indices: parts.flatMap((part) => part.indices),
    failures: parts.flatMap((part) => part.failures),
    notices: parts.flatMap((part) => part.notices),
  };
}

/** Takes in the batches of a run and joins them. */
export async function collect(
  batches: AsyncIterable<RowBatch>,
  dim: number | null,
  onProgress: ((done: number) => void) | null,
): Promise<Embeddings> {
  const parts: RowBatch[] = [];
  let done = 0;
  for await (const batch of batches) {
    parts.push(batch);
    done += batch.rows + batch.failures.length;
    onProgress?.(done);
  }
  return joinRows(parts, dim ?? 0);
}
