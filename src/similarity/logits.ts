import { DiptychError } from '../errors.js';
import { cosineSimilarity } from './cosine.js';
import type { Matrix, Rows } from './rows.js';

export interface LogitOptions {
  /** The factor itself (exp already taken): 100 for OpenAI's CLIP. */
  readonly scale: number;
  /** Added after scaling (SigLIP); 0 elsewhere. */
  readonly bias: number;
  readonly threads?: number;
}

/** Rows with several vectors each (BLIP-2: 32 queries per image); 1 where it is missing. */
export type MultiRows = Rows & { readonly vectors?: number };

/**
 * Logits [images.rows, texts.rows]: scale * cosine + bias. Where an image has several vectors, its cosine is the
 * largest of them (BLIP-2's image-text contrast). Throws DIMENSION_MISMATCH.
 */
export async function logitsOf(images: MultiRows, texts: MultiRows, options: LogitOptions): Promise<Matrix> {
  const vectors = images.vectors ?? 1;
  if ((texts.vectors ?? 1) !== 1) {
    throw new DiptychError('DIMENSION_MISMATCH', 'expected one vector per text', { input: 'texts' });
  }
  const flat = { data: images.data, rows: images.rows * vectors, dim: images.dim };
  const cosines = await cosineSimilarity(
    flat,
    texts,
    options.threads === undefined ? {} : { threads: options.threads },
  );
  const { columns } = cosines;
  const data = new Float32Array(images.rows * columns);
  for (let row = 0; row < images.rows; row++) {
    for (let column = 0; column < columns; column++) {
      let best = -Infinity;
      for (let vector = 0; vector < vectors; vector++) {
        best = Math.max(best, cosines.data[(row * vectors + vector) * columns + column] ?? -Infinity);
      }
      data[row * columns + column] = options.scale * best + options.bias;
    }
  }
  return { data, rows: images.rows, columns };
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
