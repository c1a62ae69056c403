import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { callNative, checkFeatures, checkLabels, checkSameDim, pinnable, type Features } from './features.js';

/** How well one side finds the other. Ranks begin at 1; ties go to the lower index. */
export interface DirectionMetrics {
  /** k -> share of the queries with a right answer among the first k. */
  readonly recall: Readonly<Record<number, number>>;
  readonly meanRank: number;
  /** Lower median of the ranks where their number is even and they differ, as open_clip rounds it. */
  readonly medianRank: number;
  readonly queries: number;
}

export interface RetrievalMetrics {
  /** Texts asking for their image. */
  readonly imageRetrieval: DirectionMetrics;
  /** Images asking for any of their texts. */
  readonly textRetrieval: DirectionMetrics;
  /** Mean of all recalls, both ways (BLIP's r_mean, Chinese-CLIP's mean recall over 1, 5, 10). */
  readonly meanRecall: number;
  /** Images that no text belongs to; they do not ask. */
  readonly imagesWithoutText: number;
}

export interface RetrievalOptions {
  /** Default [1, 5, 10]. */
  readonly recallK?: readonly number[];
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

const BLOCK = 256;

/** Rank of the best-placed right answer in a line of scores. */
function rankOf(line: Float32Array, right: readonly number[]): number {
  let best = right[0] ?? 0;
  for (const at of right) {
    const [score, most] = [line[at] ?? NaN, line[best] ?? NaN];
    if (score > most || (score === most && at < best)) best = at;
  }
  const score = line[best] ?? NaN;
  let rank = 1;
  for (let at = 0; at < line.length; at++) {
    const other = line[at] ?? NaN;
    if (other > score || (other === score && at < best)) rank++;
  }
  return rank;
}

function summarize(ranks: readonly number[], ks: readonly number[]): DirectionMetrics {
  const sorted = [...ranks].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
  const recall = Object.fromEntries(
    ks.map((k) => [k, ranks.filter((rank) => rank <= k).length / ranks.length]),
  );
  return {
    recall,
    meanRank: ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length,
    medianRank: Math.floor(median),
    queries: ranks.length,
  };
}

function checkKs(ks: readonly number[]): readonly number[] {
  if (ks.length > 0 && ks.every((k) => Number.isSafeInteger(k) && k > 0)) return ks;
  throw new DiptychError('BAD_OPTION', 'expected positive whole numbers', { input: 'recallK' });
}

function textsByImage(imageOfText: Int32Array, images: number): number[][] {
  const texts = Array.from({ length: images }, (): number[] => []);
  imageOfText.forEach((image, text) => texts[image]?.push(text));
  return texts;
}

function assemble(
  textRanks: readonly number[],
  imageRanks: readonly number[],
  images: number,
  ks: readonly number[],
): RetrievalMetrics {
  const imageRetrieval = summarize(textRanks, ks);
  const textRetrieval = summarize(imageRanks, ks);
  const recalls = [...Object.values(imageRetrieval.recall), ...Object.values(textRetrieval.recall)];
  return {
    imageRetrieval,
    textRetrieval,
    meanRecall: recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
    imagesWithoutText: images - imageRanks.length,
  };
}

/** A finished matrix of scores, row after row. */
export interface ScoreMatrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * The same measures from a finished score matrix [texts, images], such as ITM's after re-ranking. Where the two ways
 * were scored apart (each re-ranks the candidates of its own queries), `imageScores` [images, texts] is the other way's.
 */
export function retrievalFromScores(
  scores: ScoreMatrix,
  imageOfText: ArrayLike<number>,
  recallK: readonly number[] = [1, 5, 10],
  imageScores?: ScoreMatrix,
): RetrievalMetrics {
  const { data, rows: texts, columns: images } = scores;
  if (data.length !== texts * images || texts < 1 || images < 1)
    throw new DiptychError('BAD_INPUT', 'expected a score for each text and image', { input: 'scores' });
  if (imageScores !== undefined && (imageScores.rows !== images || imageScores.columns !== texts)) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `expected ${String(images)} x ${String(texts)} scores, got ${String(imageScores.rows)} x ${String(imageScores.columns)}`,
      { input: 'imageScores' },
    );
  }
  const owner = checkLabels(imageOfText, texts, images, 'imageOfText');
  const ks = checkKs(recallK);
  const textRanks = Array.from(owner, (image, text) =>
    rankOf(data.subarray(text * images, (text + 1) * images), [image]),
  );
  const imageRanks = textsByImage(owner, images).flatMap((right, image) =>
    right.length === 0
      ? []
      : [
          rankOf(
            imageScores === undefined
              ? Float32Array.from({ length: texts }, (_, text) => data[text * images + image] ?? NaN)
              : imageScores.data.subarray(image * texts, (image + 1) * texts),
            right,
          ),
        ],
  );
  return assemble(textRanks, imageRanks, images, ks);
}

/**
 * Recall@k and ranks both ways; `imageOfText[t]` is the image that text t belongs to, so an image may have any number
 * of texts: it is found when one of them is among the first k. Never builds the whole matrix.
 *
 * @throws DiptychError BAD_INPUT, DIMENSION_MISMATCH, BAD_OPTION, ABORTED.
 */
export async function retrievalMetrics(
  images: Features,
  texts: Features,
  imageOfText: ArrayLike<number>,
  options: RetrievalOptions = {},
): Promise<RetrievalMetrics> {
  const a = checkFeatures(images, 'images');
  const b = checkFeatures(texts, 'texts');
  checkSameDim(a, b, ['images', 'texts']);
  const owner = checkLabels(imageOfText, b.rows, a.rows, 'imageOfText');
  const ks = checkKs(options.recallK ?? [1, 5, 10]);
  const threads = options.threads ?? native().availableCores();

  const ranks = async (
    own: Features,
    other: Features,
    right: readonly (readonly number[])[],
  ): Promise<number[]> => {
    const found: number[] = [];
    const all = pinnable(other.data);
    for (let from = 0; from < own.rows; from += BLOCK) {
      const rows = Math.min(BLOCK, own.rows - from);
      const scores = new Float32Array(rows * other.rows);
      const some = own.data.slice(from * own.dim, (from + rows) * own.dim);
      await callNative(options.signal, () =>
        native().matmul(some, false, all, true, rows, other.rows, own.dim, scores, threads),
      );
      for (let row = 0; row < rows; row++) {
        const answers = right[from + row] ?? [];
        const line = scores.subarray(row * other.rows, (row + 1) * other.rows);
        if (answers.length > 0) found.push(rankOf(line, answers));
      }
    }
    return found;
  };
  const textRanks = await ranks(
    b,
    a,
    Array.from(owner, (image) => [image]),
  );
  const imageRanks = await ranks(a, b, textsByImage(owner, a.rows));
  return assemble(textRanks, imageRanks, a.rows, ks);
}

/** The metrics under CLIP_benchmark's and open_clip's names. */
export function benchmarkMetrics(metrics: RetrievalMetrics): Record<string, number> {
  const { imageRetrieval, textRetrieval } = metrics;
  const named: Record<string, number> = {};
  for (const k of Object.keys(imageRetrieval.recall).map(Number)) {
    named[`image_retrieval_recall@${String(k)}`] = imageRetrieval.recall[k] ?? NaN;
    named[`text_retrieval_recall@${String(k)}`] = textRetrieval.recall[k] ?? NaN;
  }
  return {
    ...named,
    image_to_text_mean_rank: textRetrieval.meanRank,
    image_to_text_median_rank: textRetrieval.medianRank,
    text_to_image_mean_rank: imageRetrieval.meanRank,
    text_to_image_median_rank: imageRetrieval.medianRank,
    mean_recall: metrics.meanRecall,
  };
}
