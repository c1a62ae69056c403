import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { parseOptions, read } from '../options.js';
import {
  callNative,
  checkFeatures,
  checkSameDim,
  pinnable,
  readFunction,
  takeRows,
  type Features,
} from './features.js';
import { mersenne } from './mersenne.js';

export interface KMeansOptions {
  /** Number of clusters. */
  readonly clusters: number;
  /** Most passes over all rows. Default 25. */
  readonly iterations?: number;
  /** Stop when a pass lowers the objective by less than this part of it. Default 1e-4. */
  readonly tolerance?: number;
  /** Keep centroids at unit length (nearest by cosine), as for normalised embeddings. Default false. */
  readonly spherical?: boolean;
  /**
   * Rows a pass of the first phase looks at: it settles the centroids on growing samples before all rows are read.
   * `all`: no first phase. Default `auto`: 32 rows a cluster, doubling.
   */
  readonly sample?: 'auto' | 'all';
  /** Default 0. */
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  /** After each pass: its number and the mean squared distance. */
  readonly onProgress?: ((pass: number, objective: number) => void) | undefined;
}

interface Resolved {
  readonly clusters: number;
  readonly iterations: number;
  readonly tolerance: number;
  readonly spherical: boolean;
  readonly sample: 'auto' | 'all';
  readonly seed: number;
  readonly threads: number;
  readonly signal: AbortSignal | null;
  readonly onProgress: ((pass: number, objective: number) => void) | null;
}

export interface Clusters {
  /** clusters x dim numbers. */
  readonly centroids: Features;
  /** Cluster of each row. */
  readonly labels: Int32Array;
  /** Rows of each cluster. */
  readonly sizes: Int32Array;
  /** Sum of squared distances of the rows to their centroids (faiss' objective). */
  readonly objective: number;
  /** Passes over all rows. */
  readonly iterations: number;
}

const SAMPLE_PER_CLUSTER = 32;
const PASSES_PER_SAMPLE = 4;
const SPREAD_ROUNDS = 32;
/** How a centroid that owns nothing takes a share of a large cluster: both halves move apart by this much. */
const SPLIT = 1 / 1024;

export interface Assignment {
  readonly labels: Int32Array;
  /** Squared Euclidean distances. */
  readonly distances: Float32Array;
}

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
  return assign(rows, centres.data, threads, options.signal ?? null);
}

async function assign(
  rows: Features,
  centroids: Float32Array,
  threads: number,
  signal: AbortSignal | null,
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
      threads,
      cancel,
    ),
  );
  return { labels, distances };
}

/** `count` different positions below `total`, by a partial shuffle. */
function choose(total: number, count: number, random: () => number): Int32Array {
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
async function spread(
  rows: Features,
  { clusters, threads, signal }: Resolved,
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
    const { distances } = await assign(rows, latest.data, threads, signal);
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

function toUnit(data: Float32Array, dim: number): void {
  for (let at = 0; at < data.length; at += dim) {
    let squares = 0;
    for (let i = at; i < at + dim; i++) squares += (data[i] ?? 0) ** 2;
    if (squares === 0) continue;
    const factor = 1 / Math.sqrt(squares);
    for (let i = at; i < at + dim; i++) data[i] = (data[i] ?? 0) * factor;
  }
}

/** Means of the rows; a cluster without rows splits one off a cluster drawn by size, as faiss does. */
async function update(
  rows: Features,
  labels: Int32Array,
  centroids: Float32Array,
  { clusters, spherical, threads, signal }: Resolved,
  random: () => number,
): Promise<void> {
  const { dim } = rows;
  const sums = new Float64Array(clusters * dim);
  await callNative(signal, (cancel) =>
    native().sumByLabel(pinnable(rows.data), dim, labels, sums, threads, cancel),
  );
  const sizes = new Float64Array(clusters);
  for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
  for (let c = 0; c < clusters; c++) {
    const size = sizes[c] ?? 0;
    for (let i = 0; size > 0 && i < dim; i++) centroids[c * dim + i] = (sums[c * dim + i] ?? 0) / size;
  }
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
  if (spherical) toUnit(centroids, dim);
}

/**
 * k-means by Lloyd's passes (exact assignments on the addon), begun on growing samples so that few passes over all
 * rows are needed. The same seed gives the same clusters on any number of threads.
 *
 * @throws DiptychError BAD_INPUT (fewer rows than clusters, numbers that are not finite), BAD_OPTION, ABORTED.
 */
export async function kMeans(features: Features, options: KMeansOptions): Promise<Clusters> {
  const resolved = parseOptions<Resolved>(
    options,
    {
      clusters: read.integer(1),
      iterations: read.integer(1),
      tolerance: read.number((value) => value >= 0 && value < 1, 'a number from 0 to 1'),
      spherical: read.boolean,
      sample: read.oneOf('auto', 'all'),
      seed: read.integer(0),
      threads: read.integer(1, 256),
      signal: read.signal,
      onProgress: readFunction,
    },
    {
      clusters: 0,
      iterations: 25,
      tolerance: 1e-4,
      spherical: false,
      sample: 'auto',
      seed: 0,
      threads: native().availableCores(),
      signal: null,
      onProgress: null,
    },
    'kMeans options',
  );
  const { clusters, iterations, tolerance, threads, signal } = resolved;
  if (clusters === 0)
    throw new DiptychError('BAD_OPTION', 'expected a number of clusters', { input: 'clusters' });
  const rows = checkFeatures(features, 'features');
  if (rows.rows < clusters) {
    throw new DiptychError(
      'BAD_INPUT',
      `${String(rows.rows)} rows cannot make ${String(clusters)} clusters`,
      { input: 'features' },
    );
  }
  const random = mersenne(resolved.seed);
  const order = choose(rows.rows, rows.rows, random);
  const first = takeRows(rows, order.subarray(0, Math.min(rows.rows, clusters * SAMPLE_PER_CLUSTER)));
  const centroids = await spread(first, resolved, random);
  if (resolved.spherical) toUnit(centroids, rows.dim);

  const smallest = resolved.sample === 'all' ? Infinity : clusters * SAMPLE_PER_CLUSTER;
  for (let size = smallest; size * 2 <= rows.rows; size *= 2) {
    const sample = takeRows(rows, order.subarray(0, size));
    for (let pass = 0; pass < PASSES_PER_SAMPLE; pass++) {
      const { labels } = await assign(sample, centroids, threads, signal);
      await update(sample, labels, centroids, resolved, random);
    }
  }
  let previous = Infinity;
  for (let pass = 1; ; pass++) {
    const { labels, distances } = await assign(rows, centroids, threads, signal);
    const objective = distances.reduce((sum, distance) => sum + distance, 0);
    resolved.onProgress?.(pass, objective / rows.rows);
    const settled = previous < Infinity && previous - objective <= tolerance * previous;
    if (pass >= iterations || settled) {
      const sizes = new Int32Array(clusters);
      for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
      return {
        centroids: { data: centroids, rows: clusters, dim: rows.dim },
        labels,
        sizes,
        objective,
        iterations: pass,
      };
    }
    previous = objective;
    await update(rows, labels, centroids, resolved, random);
  }
}
