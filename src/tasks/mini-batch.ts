import { DiptychError } from '../errors.js';
import { parseOptions } from '../options.js';
import { assign, choose, spread, sumClusters, toUnit } from './centroids.js';
import { checkFeatures, takeRows, type Features } from './features.js';
import {
  checkClusters,
  checkEnough,
  productsFor,
  sharedDefaults,
  sharedReaders,
  type SharedOptions,
} from './kmeans.js';
import { mersenne } from './mersenne.js';

/** Options of {@link miniBatchKMeans}; as those of kMeans where they share a name. */
export interface MiniBatchOptions {
  readonly clusters: number;
  readonly spherical?: boolean;
  readonly precision?: 'auto' | 'exact' | 'bf16';
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  /** After each batch: rows seen so far, and the mean squared distance of the batch before its step. */
  readonly onProgress?: ((rows: number, objective: number) => void) | undefined;
}

export interface StreamedClusters {
  readonly centroids: Features;
  /** Rows that each centroid has averaged. */
  readonly counts: Float64Array;
  readonly rows: number;
  readonly batches: number;
}

/** A centroid with less than this share of the mean count is placed anew, at most once in so many batches. */
const STARVED = 0.02;
const REVIEW_EVERY = 10;

function parseMiniBatch(given: MiniBatchOptions): SharedOptions {
  return checkClusters(
    parseOptions<SharedOptions>(given, sharedReaders, sharedDefaults(), 'miniBatchKMeans options'),
  );
}

/** Gives centroids that hardly anything belongs to a row of the batch, and the count of an average one. */
function replaceStarved(
  centroids: Float32Array,
  counts: Float64Array,
  batch: Features,
  random: () => number,
): void {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const starved = Array.from(counts.keys()).filter((c) => (counts[c] ?? 0) < STARVED * mean);
  const rows = choose(batch.rows, Math.min(batch.rows, starved.length), random);
  starved.slice(0, rows.length).forEach((c, at) => {
    const from = (rows[at] ?? 0) * batch.dim;
    centroids.set(batch.data.subarray(from, from + batch.dim), c * batch.dim);
    counts[c] = Math.max(1, STARVED * mean);
  });
}

/**
 * k-means over rows that do not fit memory (Sculley, WWW 2010): each batch moves the centroids by the running mean of
 * the rows that were nearest to them. The first batch must hold at least as many rows as clusters. Give the batches
 * again for another epoch, shuffled if their order means something; `assignClusters` labels rows afterwards.
 *
 * @throws DiptychError BAD_INPUT, DIMENSION_MISMATCH (batches of different width), BAD_OPTION, ABORTED.
 */
export async function miniBatchKMeans(
  batches: AsyncIterable<Features> | Iterable<Features>,
  options: MiniBatchOptions,
): Promise<StreamedClusters> {
  const resolved = parseMiniBatch(options);
  const { clusters, spherical } = resolved;
  const random = mersenne(resolved.seed);
  const counts = new Float64Array(clusters);
  let [centroids, dim]: [Float32Array | null, number] = [null, 0];
  let [rows, seen] = [0, 0];
  for await (const given of batches) {
    const batch = checkFeatures(given, `batch ${String(seen)}`);
    if (centroids === null) {
      checkEnough(batch.rows, clusters, 'the first batch');
      dim = batch.dim;
      const sample = choose(batch.rows, Math.min(batch.rows, clusters * 32), random);
      centroids = await spread(takeRows(batch, sample), clusters, resolved, random);
      if (spherical) toUnit(centroids, dim);
    } else if (batch.dim !== dim) {
      throw new DiptychError(
        'DIMENSION_MISMATCH',
        `rows of ${String(batch.dim)} numbers, but ${String(dim)} before`,
        { input: `batch ${String(seen)}` },
      );
    }
    const products = productsFor(resolved.precision, batch.rows * clusters * dim);
    const { labels, distances } = await assign(batch, centroids, products, resolved);
    const { sums, sizes } = await sumClusters(batch, labels, clusters, resolved);
    for (let c = 0; c < clusters; c++) {
      const size = sizes[c] ?? 0;
      if (size === 0) continue;
      const total = (counts[c] ?? 0) + size;
      counts[c] = total;
      for (let i = c * dim; i < (c + 1) * dim; i++) {
        const now = centroids[i] ?? 0;
        centroids[i] = now + ((sums[i] ?? 0) - size * now) / total;
      }
    }
    seen++;
    rows += batch.rows;
    if (seen % REVIEW_EVERY === 0) replaceStarved(centroids, counts, batch, random);
    if (spherical) toUnit(centroids, dim);
    resolved.onProgress?.(rows, distances.reduce((sum, distance) => sum + distance, 0) / batch.rows);
  }
  if (centroids === null) throw new DiptychError('BAD_INPUT', 'there is no batch', { input: 'batches' });
  return { centroids: { data: centroids, rows: clusters, dim }, counts, rows, batches: seen };
}
