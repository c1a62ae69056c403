/** Largest absolute difference; infinite where the lengths differ or a number is none. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}

/** Cosine of row `i` of `a` with row `j` of `b`. */
export function rowCosine(a: Float32Array, b: Float32Array, dim: number, i: number, j: number): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let k = 0; k < dim; k++) {
    const x = a[i * dim + k] ?? 0;
    const y = b[j * dim + k] ?? 0;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** Smallest cosine of corresponding rows. */
export function minCosine(a: Float32Array, b: Float32Array, dim: number): number {
  if (a.length !== b.length || dim === 0) return -1;
  let least = 1;
  for (let row = 0; row < a.length / dim; row++) least = Math.min(least, rowCosine(a, b, dim, row, row));
  return least;
}

/** Largest cosine between different rows: 1 where the encoder says the same of everything. */
export function closestPair(data: Float32Array, dim: number): number {
  const rows = dim === 0 ? 0 : data.length / dim;
  let most = -1;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < i; j++) most = Math.max(most, rowCosine(data, data, dim, i, j));
  return most;
}

/** Share of the k nearest rows of each row (itself left out) that two encodings of the same inputs agree on. */
export function rankingAgreement(a: Float32Array, b: Float32Array, dim: number, k: number): number {
  const rows = dim === 0 ? 0 : a.length / dim;
  const nearest = (data: Float32Array, row: number): Set<number> =>
    new Set(
      Array.from({ length: rows }, (_, other) => other)
        .filter((other) => other !== row)
        .sort((x, y) => rowCosine(data, data, dim, row, y) - rowCosine(data, data, dim, row, x))
        .slice(0, k),
    );
  let shared = 0;
  let all = 0;
  for (let row = 0; row < rows; row++) {
    const [first, second] = [nearest(a, row), nearest(b, row)];
    all += first.size;
    for (const other of first) if (second.has(other)) shared++;
  }
  return all === 0 ? 1 : shared / all;
}
