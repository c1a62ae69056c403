/**
 * Batch sizes that reach a CUDA session. Each new shape costs cuDNN's search (0.3 to 1.3 s) and grows the arena, so
 * there are few, and batches are padded to them.
 */
export const CUDA_BATCHES = [1, 8, 32, 128, 256] as const;
/** Lengths of texts that reach a CUDA session are multiples of this, for the same reason. */
export const CUDA_LENGTH_STEP = 16;

/**
 * Sizes of the runs that a batch of `rows` is done in, none larger than `limit` allows. Only the last is padded, and
 * never to more than twice its rows (but from two rows on to 8, which costs as much as one).
 */
export function bucketPlan(rows: number, limit: number): number[] {
  const allowed = CUDA_BATCHES.filter((size) => size <= limit);
  const sizes: number[] = allowed.length === 0 ? [1] : [...allowed];
  const largest = sizes[sizes.length - 1] ?? 1;
  const plan: number[] = [];
  let left = rows;
  while (left > 0) {
    const above = sizes.find((size) => size >= left) ?? largest;
    const below = [...sizes].reverse().find((size) => size <= left) ?? 1;
    const pads = above >= left && (left * 2 >= above || above <= 8);
    const size = pads ? above : below;
    plan.push(size);
    left -= size;
  }
  return plan;
}

/** The largest size below `size`, for when memory did not suffice; 0 where there is none. */
export function bucketBelow(size: number): number {
  return [...CUDA_BATCHES].reverse().find((smaller) => smaller < size) ?? 0;
}
