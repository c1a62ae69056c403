import { native } from '../native/load.js';
import { callNative, checkFeatures, checkSameDim, pinnable, takeRows, type Features } from './features.js';

/** The steps that exact and mini-batch k-means share. */

export interface Assignment {
  readonly labels: Int32Array;
  /** Squared Euclidean distances. */
  readonly distances: Float32Array;
}

/** How products of rows and centroids are made: see {@link TrainingBinding.nearestCentroids}. */
export type Products = 'exact' | 'bf16';

export interface Work {
  readonly threads: number;
  readonly signal: AbortSignal | null;
}

/** How a centroid that owns nothing takes a share of a large cluster: both halves move apart by this much. */
const SPLIT = 1 / 1024;
const SPREAD_ROUNDS = 32;

/** The nearest centroid of each row, the lower one on ties. Throws BAD_INPUT, DIMENSION_MISMATCH, ABORTED. */
export async function assignClusters(
  features: Features,
  centroids: Features,
  options: { readonly threads?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<Assignment> {
  const rows = checkFeatures(features, 'features', 0);
  const centres = checkFeatures(centroids, 'centroids');
  checkSameDim(centres, rows, ['centroids', 'features']);
  const threads = options.threads ?? native().availableCores();
  return assign(rows, centres.data, 'exact', { threads, signal: options.signal ?? null });
}

export async function assign(
  rows: Features,
  centroids: Float32Array,
  products: Products,
  { threads, signal }: Work,
): Promise<Assignment> {
  const labels = new Int32Array(rows.rows);
  const distances = new Float32Array(rows.rows);
  await callNative(signal, (cancel) =>
    native().nearestCentroids(
      pinnable(rows.data),
      rows.dim,
      pinnable(centroids),
      labels,
      distances,
      products,
      threads,
      cancel,
    ),
  );
  return { labels, distances };
}

/** `count` different positions below `total`, by a partial shuffle. */
export function choose(total: number, count: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: total }, (_, at) => at);
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random() * (total - at));
    [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
  }
  return order.slice(0, count);
}

/**
 * First centroids: rows drawn with probability by their squared distance to those drawn before (k-means++, Arthur and
 * Vassilvitskii 2007), a thirty-second of them at a time so that the distances come from matrix products.
 */
export async function spread(
  rows: Features,
  clusters: number,
  work: Work,
  random: () => number,
): Promise<Float32Array> {
  const batch = Math.ceil(clusters / SPREAD_ROUNDS);
  const chosen = [Math.floor(random() * rows.rows)];
  const nearest = new Float64Array(rows.rows).fill(Infinity);
  const sums = new Float64Array(rows.rows);
  let seen = 0;
  while (chosen.length < clusters) {
    const latest = takeRows(rows, chosen.slice(seen));
    seen = chosen.length;
    const { distances } = await assign(rows, latest.data, 'exact', work);
    let total = 0;
    for (let row = 0; row < rows.rows; row++) {
      nearest[row] = Math.min(nearest[row] ?? 0, distances[row] ?? 0);
      total += nearest[row] ?? 0;
      sums[row] = total;
    }
    for (let draw = Math.min(batch, clusters - chosen.length); draw > 0; draw--) {
      // Where all rows coincide with a centroid, any row will do.
      const at = total > 0 ? firstAbove(sums, random() * total) : Math.floor(random() * rows.rows);
      chosen.push(at);
    }
  }
  return takeRows(rows, chosen).data;
}

/** The first position whose running sum exceeds `value`. */
function firstAbove(sums: Float64Array, value: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Brings rows to unit length in place; rows of zeros stay. */
export function toUnit(data: Float32Array, dim: number): void {
  for (let at = 0; at < data.length; at += dim) {
    let squares = 0;
    for (let i = at; i < at + dim; i++) squares += (data[i] ?? 0) ** 2;
    if (squares === 0) continue;
    const factor = 1 / Math.sqrt(squares);
    for (let i = at; i < at + dim; i++) data[i] = (data[i] ?? 0) * factor;
  }
}

/** Sums and numbers of the rows of each cluster. */
export async function sumClusters(
  rows: Features,
  labels: Int32Array,
  clusters: number,
  { threads, signal }: Work,
): Promise<{ sums: Float64Array; sizes: Float64Array }> {
  const sums = new Float64Array(clusters * rows.dim);
  await callNative(signal, (cancel) =>
    native().sumByLabel(pinnable(rows.data), rows.dim, labels, sums, threads, cancel),
  );
  const sizes = new Float64Array(clusters);
  for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
  return { sums, sizes };
}

/** A cluster without rows splits one off a cluster drawn by size, as faiss does. Changes both arguments. */
export function splitForEmpty(
  centroids: Float32Array,
  sizes: Float64Array,
  dim: number,
  random: () => number,
): void {
  const clusters = sizes.length;
  for (let c = 0; c < clusters; c++) {
    if ((sizes[c] ?? 0) > 0) continue;
    let left = random() * sizes.reduce((sum, size) => sum + Math.max(0, size - 1), 0);
    let from = 0;
    while (from < clusters - 1 && left >= Math.max(0, (sizes[from] ?? 0) - 1)) {
      left -= Math.max(0, (sizes[from] ?? 0) - 1);
      from++;
    }
    for (let i = 0; i < dim; i++) {
      const value = centroids[from * dim + i] ?? 0;
      const sign = i % 2 === 0 ? 1 : -1;
      centroids[c * dim + i] = value * (1 + sign * SPLIT);
      centroids[from * dim + i] = value * (1 - sign * SPLIT);
    }
    sizes[c] = (sizes[from] ?? 0) / 2;
    sizes[from] = (sizes[from] ?? 0) / 2;
  }
}
