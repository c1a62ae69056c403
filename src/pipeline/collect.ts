import type { Failure, Notice, RowBatch } from './types.js';

/** Embeddings of a list of inputs: rows of one space, in the order of the inputs that have one. */
export interface Embeddings {
  /** rows x dim numbers, row after row (rows x vectors x dim for multi-vector models). */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
  /** Vectors per row; 1 unless the model is multi-vector (BLIP-2: 32 queries). */
  readonly vectors: number;
  /** Row -> position of its input in what was passed in. */
  readonly indices: readonly number[];
  /** Inputs that have no row, and why. */
  readonly failures: readonly Failure[];
  /** What the user should know of inputs that do have a row (truncated texts, mended images). */
  readonly notices: readonly Notice[];
}

/** Joins the batches of a run; `dim` is what an empty result is said to have. */
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
    dim: filled?.dim ?? dim ?? 0,
    vectors: filled?.vectors ?? 1,
    indices: parts.flatMap((part) => part.indices),
    failures: parts.flatMap((part) => part.failures),
    notices: parts.flatMap((part) => part.notices),
  };
}
