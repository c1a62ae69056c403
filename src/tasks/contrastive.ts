import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { parseOptions, read } from '../options.js';
import {
  callNative,
  checkFeatures,
  checkSameDim,
  pinnable,
  readFunction,
  type Features,
} from './features.js';

export interface ContrastiveOptions {
  /** The factor itself (exp of the learnt number): 100 at the end of CLIP's training, 1/0.07 at its start. */
  readonly logitScale: number;
  /** Added to every logit; SigLIP only. Default 0 (SigLIP starts at -10). */
  readonly logitBias?: number;
  /** Also compute the gradients. Default false. */
  readonly gradients?: boolean;
  /** Default: the cores this process may use. The result does not depend on it. */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  /** Now and then, and at the end: blocks of rows done, and how many there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface ContrastiveGradients {
  /** d loss / d images, rows x dim, for the rows as passed in (not for what was normalised into them). */
  readonly images: Float32Array;
  readonly texts: Float32Array;
  /** d loss / d logitScale, the factor; times the scale, it is the gradient for its logarithm. */
  readonly logitScale: number;
  readonly logitBias: number;
}

export interface ContrastiveLoss {
  readonly loss: number;
  /** CLIP: mean cross-entropy of choosing the text for each image (N-pair loss), and the other way; NaN for SigLIP. */
  readonly imageLoss: number;
  readonly textLoss: number;
  readonly gradients: ContrastiveGradients | null;
}

interface Resolved {
  readonly logitScale: number;
  readonly logitBias: number;
  readonly gradients: boolean;
  readonly threads: number;
  readonly signal: AbortSignal | null;
  readonly onProgress: ((done: number, total: number) => void) | null;
}

async function lossOf(
  kind: 'softmax' | 'sigmoid',
  images: Features,
  texts: Features,
  options: ContrastiveOptions,
): Promise<ContrastiveLoss> {
  const finite = read.number(Number.isFinite, 'a finite number');
  const { logitScale, logitBias, gradients, threads, signal, onProgress } = parseOptions<Resolved>(
    options,
    {
      logitScale: finite,
      logitBias: finite,
      gradients: read.boolean,
      threads: read.integer(1, 256),
      signal: read.signal,
      onProgress: readFunction,
    },
    {
      logitScale: NaN,
      logitBias: 0,
      gradients: false,
      threads: native().availableCores(),
      signal: null,
      onProgress: null,
    },
    kind === 'softmax' ? 'clipLoss options' : 'siglipLoss options',
  );
  if (Number.isNaN(logitScale)) {
    throw new DiptychError('BAD_OPTION', 'expected the factor that cosines are multiplied with, as 100', {
      input: 'logitScale',
    });
  }
  const a = checkFeatures(images, 'images');
  const b = checkFeatures(texts, 'texts');
  checkSameDim(a, b, ['images', 'texts']);
  if (a.rows !== b.rows) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `row i of the images belongs to row i of the texts, but there are ${String(a.rows)} and ${String(b.rows)} rows`,
      { input: 'texts' },
    );
  }
  const imageGradient = gradients ? new Float32Array(a.data.length) : null;
  const textGradient = gradients ? new Float32Array(b.data.length) : null;
  const steps = native().contrastiveSteps(kind, a.rows, gradients);
  const result = await callNative(
    signal,
    (cancel) =>
      native().contrastiveLoss(
        kind,
        pinnable(a.data),
        pinnable(b.data),
        a.rows,
        a.dim,
        logitScale,
        logitBias,
        imageGradient,
        textGradient,
        threads,
        cancel,
      ),
    onProgress === null
      ? null
      : (done) => {
          onProgress(done, steps);
        },
  );
  const isClip = kind === 'softmax';
  return {
    loss: result.loss,
    imageLoss: isClip ? result.imageLoss : NaN,
    textLoss: isClip ? result.textLoss : NaN,
    gradients:
      imageGradient === null || textGradient === null
        ? null
        : {
            images: imageGradient,
            texts: textGradient,
            logitScale: result.scaleGradient,
            logitBias: isClip ? 0 : result.biasGradient,
          },
  };
}

/**
 * CLIP's loss over n pairs (row i of the images belongs to row i of the texts): half the sum of the mean
 * cross-entropies of logitScale * images texts^T over its rows and over its columns (Radford et al. 2021; open_clip's
 * ClipLoss). Rows are used as they are: normalise them first. Never holds n x n numbers.
 *
 * @throws DiptychError BAD_OPTION, BAD_INPUT, DIMENSION_MISMATCH, ABORTED.
 */
export function clipLoss(
  images: Features,
  texts: Features,
  options: ContrastiveOptions,
): Promise<ContrastiveLoss> {
  return lossOf('softmax', images, texts, options);
}

/**
 * SigLIP's loss over n pairs: -log sigmoid(y (logitScale * image . text + logitBias)) summed over all n x n pairs,
 * y = 1 for those that belong together and -1 else, divided by n (Zhai et al. 2023; open_clip's SigLipLoss).
 */
export function siglipLoss(
  images: Features,
  texts: Features,
  options: ContrastiveOptions,
): Promise<ContrastiveLoss> {
  return lossOf('sigmoid', images, texts, options);
}
