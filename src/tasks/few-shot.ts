import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { callNative, checkFeatures, checkLabels, checkSameDim, pinnable, type Features } from './features.js';
import { mersenne } from './mersenne.js';

/**
 * Positions of k rows of each class, drawn with a seed, ascending. Throws BAD_INPUT where a class has fewer than k
 * rows.
 */
export function fewShot(labels: ArrayLike<number>, k: number, seed = 0): number[] {
  if (!Number.isSafeInteger(k) || k < 1)
    throw new DiptychError('BAD_OPTION', `expected a positive whole number, got ${String(k)}`, {
      input: 'k',
    });
  const byClass = new Map<number, number[]>();
  checkLabels(labels, labels.length, null).forEach((label, row) => {
    const rows = byClass.get(label);
    if (rows === undefined) byClass.set(label, [row]);
    else rows.push(row);
  });
  const random = mersenne(seed);
  return [...byClass]
    .sort(([a], [b]) => a - b)
    .flatMap(([label, rows]) => {
      if (rows.length < k) {
        throw new DiptychError(
          'BAD_INPUT',
          `class ${String(label)} has ${String(rows.length)} rows, fewer than ${String(k)}`,
          { input: 'labels' },
        );
      }
      for (let at = 0; at < k; at++) {
        const other = at + Math.floor(random() * (rows.length - at));
        [rows[at], rows[other]] = [rows[other] ?? 0, rows[at] ?? 0];
      }
      return rows.slice(0, k);
    })
    .sort((a, b) => a - b);
}

export interface TipAdapterOptions {
  /** Weight of the cache beside the zero-shot logits. Default 1. */
  readonly alpha?: number;
  /** Sharpness: how fast a cached image's say falls with its distance. Default 5.5. */
  readonly beta?: number;
  /** The model's logit scale. Default 100. */
  readonly logitScale?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

async function productWith(
  rows: Features,
  keys: Features,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const out = new Float32Array(rows.rows * keys.rows);
  const [a, b] = [pinnable(rows.data), pinnable(keys.data)];
  await callNative(signal, () =>
    native().matmul(a, false, b, true, rows.rows, keys.rows, rows.dim, out, threads),
  );
  return out;
}

/**
 * Tip-Adapter without training (Zhang et al. 2022): logits = scale * x W + alpha * exp(-beta (1 - x K)) L, K being the
 * unit features of a few labelled images and L their labels, one-hot. Rows are unit vectors. Gives rows x classes.
 *
 * @throws DiptychError BAD_INPUT, DIMENSION_MISMATCH, BAD_OPTION.
 */
export async function tipAdapterLogits(
  features: Features,
  cache: { readonly features: Features; readonly labels: ArrayLike<number> },
  classifier: Features,
  options: TipAdapterOptions = {},
): Promise<{ readonly data: Float32Array; readonly rows: number; readonly columns: number }> {
  const { alpha = 1, beta = 5.5, logitScale = 100 } = options;
  for (const [name, value] of Object.entries({ alpha, beta, logitScale })) {
    if (!Number.isFinite(value))
      throw new DiptychError('BAD_OPTION', `expected a finite number, got ${String(value)}`, { input: name });
  }
  const rows = checkFeatures(features, 'features');
  const keys = checkFeatures(cache.features, 'cache');
  const texts = checkFeatures(classifier, 'classifier');
  checkSameDim(rows, keys, ['features', 'cache']);
  checkSameDim(rows, texts, ['features', 'classifier']);
  const classes = texts.rows;
  const labels = checkLabels(cache.labels, keys.rows, classes, 'cache.labels');
  const threads = options.threads ?? native().availableCores();
  const cosines = await productWith(rows, texts, threads, options.signal);
  const affinities = await productWith(rows, keys, threads, options.signal);
  const data = new Float32Array(rows.rows * classes);
  const sums = new Float64Array(classes);
  for (let row = 0; row < rows.rows; row++) {
    sums.fill(0);
    for (let key = 0; key < keys.rows; key++) {
      const label = labels[key] ?? 0;
      const weight = Math.exp(-beta * (1 - (affinities[row * keys.rows + key] ?? 0)));
      sums[label] = (sums[label] ?? 0) + weight;
    }
    for (let c = 0; c < classes; c++) {
      const zeroShot = logitScale * (cosines[row * classes + c] ?? 0);
      data[row * classes + c] = zeroShot + alpha * (sums[c] ?? 0);
    }
  }
  return { data, rows: rows.rows, columns: classes };
}

export interface TipSearch {
  readonly alpha: number;
  readonly beta: number;
  readonly accuracy: number;
}

/** Alpha and beta by a grid on validation rows, as the paper searches them; the first best wins. */
export async function searchTipAdapter(
  validation: { readonly features: Features; readonly labels: ArrayLike<number> },
  cache: { readonly features: Features; readonly labels: ArrayLike<number> },
  classifier: Features,
  options: Omit<TipAdapterOptions, 'alpha' | 'beta'> = {},
): Promise<TipSearch> {
  const wanted = checkLabels(validation.labels, validation.features.rows, classifier.rows);
  let best: TipSearch = { alpha: 0, beta: 1, accuracy: -1 };
  for (const beta of [1, 2, 3, 5.5, 7, 10, 15, 20]) {
    for (const alpha of [0, 0.5, 1, 1.5, 2, 3, 5, 8, 12]) {
      const logits = await tipAdapterLogits(validation.features, cache, classifier, {
        ...options,
        alpha,
        beta,
      });
      let hits = 0;
      for (let row = 0; row < logits.rows; row++) {
        const line = logits.data.subarray(row * logits.columns, (row + 1) * logits.columns);
        const most = line.reduce((a, b) => Math.max(a, b), -Infinity);
        if (line.indexOf(most) === wanted[row]) hits++;
      }
      const accuracy = hits / logits.rows;
      if (accuracy > best.accuracy) best = { alpha, beta, accuracy };
    }
  }
  return best;
}
