import { DiptychError } from '../../errors.js';
import { native } from '../../native/load.js';
import { callNative, checkFeatures, checkSameDim, pinnable, type Features } from '../features.js';

/** Cosine of row i of the images with row i of the texts: the CLIP score. A row of zeros scores 0. */
export function pairScores(images: Features, texts: Features): Float32Array {
  const a = checkFeatures(images, 'images', 0);
  const b = checkFeatures(texts, 'texts', 0);
  checkSameDim(a, b, ['images', 'texts']);
  if (a.rows !== b.rows) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `expected as many texts as images, got ${String(b.rows)} and ${String(a.rows)}`,
      { input: 'texts' },
    );
  }
  const { dim } = a;
  return Float32Array.from({ length: a.rows }, (_, row) => {
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      const [x, y] = [a.data[i] ?? 0, b.data[i] ?? 0];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
  });
}

/** A linear head over embeddings, such as LAION's aesthetic predictor. */
export interface LinearHead {
  /** One number per dimension. */
  readonly weights: Float32Array;
  readonly bias: number;
}

/** Reads a head from JSON: `{ weights: [...], bias }`. Throws INPUT_UNREADABLE. */
export function parseLinearHead(value: unknown, name: string): LinearHead {
  const invalid = new DiptychError('INPUT_UNREADABLE', 'expected { "weights": [numbers], "bias": number }', {
    input: name,
  });
  if (typeof value !== 'object' || value === null || !('weights' in value)) throw invalid;
  const { weights } = value;
  const bias: unknown = 'bias' in value ? value.bias : 0;
  const isNumber = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one);
  if (!Array.isArray(weights) || !weights.every(isNumber) || !isNumber(bias)) throw invalid;
  return { weights: Float32Array.from(weights), bias };
}

/** weights . row + bias for every row. */
export async function linearScores(features: Features, head: LinearHead): Promise<Float32Array> {
  const checked = checkFeatures(features, 'features', 0);
  if (head.weights.length !== checked.dim) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `the head has ${String(head.weights.length)} weights, the embeddings ${String(checked.dim)} numbers`,
      { input: 'head' },
    );
  }
  const scores = new Float32Array(checked.rows);
  const threads = native().availableCores();
  await callNative(null, () =>
    native().matmul(
      pinnable(checked.data),
      false,
      head.weights,
      false,
      checked.rows,
      1,
      checked.dim,
      scores,
      threads,
    ),
  );
  return scores.map((score) => score + head.bias);
}

/**
 * Positions of the rows whose most similar centroid (largest inner product, the lower on ties) is one that some
 * target row is most similar to: DataComp's image_based filter, whose targets are ImageNet's images.
 */
export async function nearTargets(
  features: Features,
  centroids: Features,
  targets: Features,
): Promise<number[]> {
  const centres = checkFeatures(centroids, 'centroids');
  const wanted = new Set(await mostSimilar(checkFeatures(targets, 'targets', 0), centres));
  const found = await mostSimilar(checkFeatures(features, 'features', 0), centres);
  return Array.from(found.keys()).filter((row) => wanted.has(found[row] ?? -1));
}

const BLOCK = 512;

/** The row of `centroids` with the largest inner product for each row. */
export async function mostSimilar(features: Features, centroids: Features): Promise<Int32Array> {
  checkSameDim(centroids, features, ['centroids', 'features']);
  const threads = native().availableCores();
  const labels = new Int32Array(features.rows);
  const centres = pinnable(centroids.data);
  for (let from = 0; from < features.rows; from += BLOCK) {
    const rows = Math.min(BLOCK, features.rows - from);
    const scores = new Float32Array(rows * centroids.rows);
    const some = features.data.slice(from * features.dim, (from + rows) * features.dim);
    await callNative(null, () =>
      native().matmul(some, false, centres, true, rows, centroids.rows, features.dim, scores, threads),
    );
    for (let row = 0; row < rows; row++) {
      const line = scores.subarray(row * centroids.rows, (row + 1) * centroids.rows);
      labels[from + row] = line.indexOf(line.reduce((a, b) => Math.max(a, b), -Infinity));
    }
  }
  return labels;
}
