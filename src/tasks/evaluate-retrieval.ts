import type { ImageInput, Model } from '../engine.js';
import { DiptychError } from '../errors.js';
import type { Failure } from '../pipeline/types.js';
import { logitsOf } from '../similarity/logits.js';
import { retrievalFromScores, retrievalMetrics, type RetrievalMetrics } from './retrieval.js';

/** An image and what may be said of it. */
export interface CaptionedImage {
  /** How failures name it. */
  readonly name: string;
  readonly image: ImageInput;
  readonly captions: readonly string[];
}

export interface EvaluateRetrievalOptions {
  /** Default [1, 5, 10]. */
  readonly recallK?: readonly number[];
  /** Let the matching head (BLIP, BLIP-2) look at so many of each query's best by cosine, as BLIP's evaluation. */
  readonly rerank?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface RetrievalEvaluation {
  readonly metrics: RetrievalMetrics;
  readonly images: number;
  readonly texts: number;
  readonly failures: readonly Failure[];
  readonly seconds: number;
}

const GROUP = 128;

interface Encoded {
  /** The pairs whose image could be read. */
  readonly pairs: readonly CaptionedImage[];
  readonly images: { data: Float32Array; rows: number; dim: number; vectors: number };
  readonly failures: Failure[];
}

async function embedPairs(
  model: Model,
  all: readonly CaptionedImage[],
  options: EvaluateRetrievalOptions,
): Promise<Encoded> {
  const parts: Float32Array[] = [];
  const pairs: CaptionedImage[] = [];
  const failures: Failure[] = [];
  let [dim, vectors] = [0, 1];
  for (let from = 0; from < all.length; from += GROUP) {
    const group = all.slice(from, from + GROUP);
    const found = await model.embedImages(
      group.map(({ image }) => image),
      options.signal === undefined ? {} : { signal: options.signal },
    );
    parts.push(found.data);
    ({ dim, vectors } = found);
    for (const index of found.indices) pairs.push(...group.slice(index, index + 1));
    for (const failure of found.failures) {
      const input = group[failure.index]?.name ?? failure.input;
      failures.push({ ...failure, index: from + failure.index, input });
    }
    options.onProgress?.(from + group.length, all.length);
  }
  const data = new Float32Array(pairs.length * dim * vectors);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { pairs, images: { data, rows: pairs.length, dim, vectors }, failures };
}

/**
 * Retrieval both ways on images with any number of captions each: recalls, mean and median rank. With `rerank` the
 * matching head reorders each query's best; what it did not see comes last, as in BLIP's evaluation. An image that
 * cannot be read is a failure, and its captions do not ask.
 *
 * @throws DiptychError BAD_INPUT (no image, no caption), MODEL_UNSUPPORTED, ABORTED.
 */
export async function evaluateRetrieval(
  model: Model,
  captioned: readonly CaptionedImage[],
  options: EvaluateRetrievalOptions = {},
): Promise<RetrievalEvaluation> {
  const start = performance.now();
  const { pairs, images, failures } = await embedPairs(model, captioned, options);
  const texts = pairs.flatMap(({ captions }) => captions);
  if (texts.length === 0) {
    throw new DiptychError('BAD_INPUT', 'expected at least one readable image with a caption', {
      input: 'captioned',
    });
  }
  const owners = pairs.flatMap(({ captions }, image) => captions.map(() => image));
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const ks = options.recallK ?? [1, 5, 10];
  const evaluated = async (): Promise<RetrievalMetrics> => {
    if (options.rerank !== undefined) {
      const contents = pairs.map(({ image }) => image);
      const k = options.rerank;
      const byText = await model.rerank(contents, texts, { k, direction: 'text-to-image', ...signal });
      const byImage = await model.rerank(contents, texts, { k, direction: 'image-to-text', ...signal });
      return retrievalFromScores(byText.scores, owners, ks, byImage.scores);
    }
    const embedded = await model.embedTexts(texts, signal);
    const [failed] = embedded.failures;
    if (failed !== undefined) throw new DiptychError(failed.code, failed.message, { input: failed.input });
    if (images.vectors === 1) return retrievalMetrics(images, embedded, owners, { recallK: ks, ...signal });
    // Several vectors an image (BLIP-2): a cosine is the best of them.
    const scores = await logitsOf(images, embedded, { scale: 1, bias: 0 });
    const turned = new Float32Array(scores.data.length);
    for (let text = 0; text < scores.columns; text++) {
      for (let image = 0; image < scores.rows; image++)
        turned[text * scores.rows + image] = scores.data[image * scores.columns + text] ?? NaN;
    }
    return retrievalFromScores(
      { data: turned, rows: scores.columns, columns: scores.rows },
      owners,
      ks,
      scores,
    );
  };
  const metrics = await evaluated();
  return {
    metrics,
    images: pairs.length,
    texts: texts.length,
    failures,
    seconds: (performance.now() - start) / 1000,
  };
}
