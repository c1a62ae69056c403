/** Largest absolute difference. NaN where the lengths differ or a number is not finite, so that no bound accepts it. */
export function maxDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return NaN;
  let most = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs((actual[i] ?? NaN) - (expected[i] ?? NaN));
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}

/**
 * Smallest cosine of corresponding rows, each less the mean of the expected rows: random weights give all rows
 * a large common part that would hide errors.
 */
export function minCentredCosine(actual: Float32Array, expected: Float32Array, dim: number): number {
  const rows = expected.length / dim;
  const mean = new Float64Array(dim);
  expected.forEach((value, at) => {
    mean[at % dim] = (mean[at % dim] ?? 0) + value / rows;
  });
  let least = 1;
  for (let row = 0; row < rows; row++) {
    let dot = 0;
    let a2 = 0;
    let b2 = 0;
    for (let i = 0; i < dim; i++) {
      const a = (actual[row * dim + i] ?? NaN) - (mean[i] ?? 0);
      const b = (expected[row * dim + i] ?? NaN) - (mean[i] ?? 0);
      dot += a * b;
      a2 += a * a;
      b2 += b * b;
    }
    const cosine = dot / Math.sqrt(a2 * b2);
    least = cosine < least || Number.isNaN(cosine) ? cosine : least;
  }
  return least;
}
