import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { parseOptions, read } from '../options.js';
import { assign, choose, splitForEmpty, spread, sumClusters, toUnit, type Products } from './centroids.js';
import { checkFeatures, readFunction, takeRows, type Features } from './features.js';
import { mersenne } from './mersenne.js';

export interface KMeansOptions {
  /** Number of clusters. */
  readonly clusters: number;
  /** Most passes over all rows. Default 25. */
  readonly iterations?: number;
  /** Stop when a pass lowers the objective by less than this part of it. Default 1e-5. */
  readonly tolerance?: number;
  /** Keep centroids at unit length (nearest by cosine), as for normalised embeddings. Default false. */
  readonly spherical?: boolean;
  /**
   * Arithmetic of the passes: `exact` (float32), or bfloat16 in all but the last. Default `auto`: bfloat16 for large
   * sets on machines that multiply it much faster. The last pass, which gives labels and objective, is always exact.
   */
  readonly precision?: 'auto' | 'exact' | 'bf16';
  /** Default 0. */
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  /** After each pass: its number and the mean squared distance. */
  readonly onProgress?: ((pass: number, objective: number) => void) | undefined;
}

interface Resolved extends SharedOptions {
  readonly iterations: number;
  readonly tolerance: number;
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

/** Rows a cluster that the first centroids are drawn from. */
const SAMPLE_PER_CLUSTER = 32;
/** Multiplications of a pass below which bfloat16 does not pay. */
const LARGE_PASS = 1e9;

/** The arithmetic of the passes that only make the next centroids. */
export function productsFor(precision: 'auto' | 'exact' | 'bf16', multiplications: number): Products {
  if (precision !== 'auto') return precision;
  return multiplications >= LARGE_PASS && native().bf16IsFast() ? 'bf16' : 'exact';
}

/** Means of the rows become the centroids, in place. */
async function update(
  rows: Features,
  labels: Int32Array,
  centroids: Float32Array,
  options: Resolved,
  random: () => number,
): Promise<void> {
  const { dim } = rows;
  const { sums, sizes } = await sumClusters(rows, labels, options.clusters, options);
  for (let c = 0; c < options.clusters; c++) {
    const size = sizes[c] ?? 0;
    for (let i = 0; size > 0 && i < dim; i++) centroids[c * dim + i] = (sums[c * dim + i] ?? 0) / size;
  }
  splitForEmpty(centroids, sizes, dim, random);
  if (options.spherical) toUnit(centroids, dim);
}

/** What kMeans and miniBatchKMeans share. */
export interface SharedOptions {
  readonly clusters: number;
  readonly spherical: boolean;
  readonly precision: 'auto' | 'exact' | 'bf16';
  readonly seed: number;
  readonly threads: number;
  readonly signal: AbortSignal | null;
  readonly onProgress: ((done: number, objective: number) => void) | null;
}

export const sharedReaders = {
  clusters: read.integer(1),
  spherical: read.boolean,
  precision: read.oneOf('auto', 'exact', 'bf16'),
  seed: read.integer(0),
  threads: read.integer(1, 256),
  signal: read.signal,
  onProgress: readFunction,
} as const;

export function sharedDefaults(): SharedOptions {
  return {
    // Stands for "not given": see checkClusters.
    clusters: 0,
    spherical: false,
    precision: 'auto',
    seed: 0,
    threads: native().availableCores(),
    signal: null,
    onProgress: null,
  };
}

/** Refuses options that do not say how many clusters. */
export function checkClusters<T extends SharedOptions>(resolved: T): T {
  if (resolved.clusters > 0) return resolved;
  throw new DiptychError('BAD_OPTION', 'expected a number of clusters', { input: 'clusters' });
}

function parseKMeans(given: KMeansOptions): Resolved {
  return checkClusters(
    parseOptions<Resolved>(
      given,
      {
        ...sharedReaders,
        iterations: read.integer(1),
        tolerance: read.number((value) => value >= 0 && value < 1, 'a number from 0 to 1'),
      },
      { ...sharedDefaults(), iterations: 25, tolerance: 1e-5 },
      'kMeans options',
    ),
  );
}

/** Refuses fewer rows than clusters. */
export function checkEnough(rows: number, clusters: number, input: string): void {
  if (rows >= clusters) return;
  throw new DiptychError('BAD_INPUT', `${String(rows)} rows cannot make ${String(clusters)} clusters`, {
    input,
  });
}

/**
 * k-means by Lloyd's passes on the addon, from k-means++ centroids. The same seed gives the same clusters on any number
 * of threads.
 *
 * @throws DiptychError BAD_INPUT (fewer rows than clusters, numbers that are not finite), BAD_OPTION, ABORTED.
 */
export async function kMeans(features: Features, options: KMeansOptions): Promise<Clusters> {
  const resolved = parseKMeans(options);
  const { clusters, iterations, tolerance } = resolved;
  const rows = checkFeatures(features, 'features');
  checkEnough(rows.rows, clusters, 'features');
  const random = mersenne(resolved.seed);
  const sample = choose(rows.rows, Math.min(rows.rows, clusters * SAMPLE_PER_CLUSTER), random);
  const centroids = await spread(takeRows(rows, sample), clusters, resolved, random);
  if (resolved.spherical) toUnit(centroids, rows.dim);

  const products = productsFor(resolved.precision, rows.rows * clusters * rows.dim);
  let previous = Infinity;
  for (let pass = 1; ; pass++) {
    const isLast = pass >= iterations;
    let found = await assign(rows, centroids, isLast ? 'exact' : products, resolved);
    let objective = found.distances.reduce((sum, distance) => sum + distance, 0);
    const settled = previous < Infinity && previous - objective <= tolerance * previous;
    if (settled && !isLast && products !== 'exact') {
      found = await assign(rows, centroids, 'exact', resolved);
      objective = found.distances.reduce((sum, distance) => sum + distance, 0);
    }
    resolved.onProgress?.(pass, objective / rows.rows);
    if (isLast || settled) {
      const sizes = new Int32Array(clusters);
      for (const label of found.labels) sizes[label] = (sizes[label] ?? 0) + 1;
      return {
        centroids: { data: centroids, rows: clusters, dim: rows.dim },
        labels: found.labels,
        sizes,
        objective,
        iterations: pass,
      };
    }
    previous = objective;
    await update(rows, found.labels, centroids, resolved, random);
  }
}
