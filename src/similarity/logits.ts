import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { callNative } from './call.js';
import { allocateScores } from './cosine.js';
import { checkKeys, finiteOption, oneOf, resolveOptions } from './options.js';
import type { Precision, SimilarityOptions } from './options.js';
import { checkedRows, checkSameDim, describe } from './rows.js';
import type { AnyRows, Matrix } from './rows.js';

const ACTIVATIONS = ['none', 'softmax', 'sigmoid'] as const;

export interface LogitOptions extends Omit<SimilarityOptions, 'metric'> {
  /** The factor itself (exp already taken): 100 for OpenAI's CLIP. Default 1. */
  readonly scale?: number;
  /** Added after scaling (SigLIP). Default 0. */
  readonly bias?: number;
  /**
   * What is made of the logits: nothing (default), a softmax over each row (CLIP: probabilities of the texts for each
   * image), or a sigmoid of each (SigLIP).
   */
  readonly activation?: 'none' | 'softmax' | 'sigmoid';
  /** Of the cosines. Default `fp32`. */
  readonly precision?: Precision;
}

/** Rows with several vectors each (BLIP-2: 32 queries per image); 1 where it is missing. */
export type MultiRows = AnyRows & { readonly vectors?: number };

const KEYS = ['scale', 'bias', 'activation', 'precision', 'threads', 'signal'];

/**
 * Logits [images.rows, texts.rows]: scale * cosine + bias, or the activation of them, made while a block of rows is in
 * cache. Where an image has several vectors, its cosine is the largest of them (BLIP-2's image-text contrast). No rows
 * on either side give an empty matrix. Rejects as `cosineSimilarity` does.
 */
export async function logitsOf(
  images: MultiRows,
  texts: MultiRows,
  options: LogitOptions = {},
): Promise<Matrix> {
  checkKeys(options, KEYS);
  const vectors = vectorsOf(images, 'images');
  if (vectorsOf(texts, 'texts') !== 1) {
    throw new DiptychError('DIMENSION_MISMATCH', 'expected one vector per text', { input: 'texts' });
  }
  const left = checkedRows(vectors === 1 ? images : { ...images, rows: images.rows * vectors }, 'images');
  const right = checkedRows(texts, 'texts');
  checkSameDim(left, right, ['images', 'texts']);
  const head = {
    scale: finiteOption(options.scale, 1, 'scale'),
    bias: finiteOption(options.bias, 0, 'bias'),
    activation: oneOf(options.activation, ACTIVATIONS, 'none', 'activation'),
    vectors,
  };
  const resolved = resolveOptions(options, 'fp32');
  const data = allocateScores(images.rows * right.rows);
  await callNative(options.signal, (cancel) =>
    native().similarityLogits(left, right, data, head, resolved, cancel),
  );
  return { data, rows: images.rows, columns: right.rows };
}

function vectorsOf(rows: MultiRows, input: string): number {
  const given: unknown = rows;
  if (typeof given !== 'object' || given === null || !('vectors' in given)) return 1;
  const { vectors } = given;
  if (vectors === undefined) return 1;
  if (typeof vectors === 'number' && Number.isInteger(vectors) && vectors >= 1 && vectors <= 2 ** 20)
    return vectors;
  throw new DiptychError('BAD_INPUT', `expected a whole number of vectors, got ${describe(vectors)}`, {
    input,
  });
}

/** Softmax over each row, computed from the row's largest value so that nothing overflows. */
export function softmaxRows(matrix: Matrix): Matrix {
  const data = new Float32Array(matrix.data.length);
  for (let row = 0; row < matrix.rows; row++) {
    const at = row * matrix.columns;
    const logits = matrix.data.subarray(at, at + matrix.columns);
    let most = -Infinity;
    for (const logit of logits) most = Math.max(most, logit);
    let sum = 0;
    const powers = Float64Array.from(logits, (logit) => {
      const power = Math.exp(logit - most);
      sum += power;
      return power;
    });
    powers.forEach((power, column) => {
      data[at + column] = power / sum;
    });
  }
  return { data, rows: matrix.rows, columns: matrix.columns };
}

/** The logistic function of every element. */
export function sigmoidElements(matrix: Matrix): Matrix {
  const data = Float32Array.from(matrix.data, (logit) => 1 / (1 + Math.exp(-logit)));
  return { data, rows: matrix.rows, columns: matrix.columns };
}

/** Probabilities from logits by the family's activation: softmax over the columns, or a sigmoid per element. */
export function probabilitiesOf(logits: Matrix, activation: 'softmax' | 'sigmoid'): Matrix {
  return activation === 'softmax' ? softmaxRows(logits) : sigmoidElements(logits);
}
