import { DiptychError } from '../../errors.js';
import type { WordNet } from '../wordnet.js';
import { fasttextTokens, pythonLength, pythonWords } from './python-text.js';

/**
 * DataComp's filters (Gadre et al. 2023; mlfoundations/datacomp, baselines/apply_filter.py). The language of a text
 * is a column of the user's: fastText's and gcld3's models are not part of Diptych.
 */
export interface PoolRow {
  readonly text: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Language code, such as "en". */
  readonly language: string;
}

const LEAST_SIDE = 200;
const MOST_ASPECT = 3;

/** basic: English, more than two words and five characters, shorter side of at least 200 px, aspect at most 3. */
export function isBasic({ text, width, height, language }: PoolRow): boolean {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return (
    language === 'en' &&
    pythonWords(text).length > 2 &&
    pythonLength(text) > 5 &&
    short >= LEAST_SIDE &&
    long / short <= MOST_ASPECT
  );
}

/** The captions that image_based looks at: English, more than one fastText token and five characters. */
export function isImageBasedCaption({ text, language }: Pick<PoolRow, 'text' | 'language'>): boolean {
  return language === 'en' && fasttextTokens(text) > 1 && pythonLength(text) > 5;
}

/** text_based: English, and the first synset of some word is one of the offsets (ImageNet-21k's). */
export function isTextBased(
  { text, language }: Pick<PoolRow, 'text' | 'language'>,
  offsets: ReadonlySet<number>,
  wordnet: WordNet,
): boolean {
  if (language !== 'en') return false;
  return pythonWords(text).some((word) => {
    const [first] = wordnet.synsets(word);
    return first !== undefined && offsets.has(first.offset);
  });
}

/**
 * The score that keeps the best `fraction`, as DataComp takes it: the one at position int(n * fraction) of the
 * descending order, kept with >=, so one row more than n * fraction survives (and all that tie with it).
 */
export function scoreThreshold(scores: ArrayLike<number>, fraction: number): number {
  const rank = Math.trunc(scores.length * fraction);
  if (!(fraction >= 0) || rank >= scores.length) {
    throw new DiptychError(
      'BAD_OPTION',
      `expected a fraction from 0 to below 1, got ${String(fraction)} of ${String(scores.length)} rows`,
      { input: 'fraction' },
    );
  }
  return Float64Array.from(scores).sort()[scores.length - 1 - rank] ?? NaN;
}

/** Positions of the scores of at least `threshold`. */
export function atLeast(scores: ArrayLike<number>, threshold: number): number[] {
  return Array.from({ length: scores.length }, (_, row) => row).filter(
    (row) => (scores[row] ?? NaN) >= threshold,
  );
}

/** LAION-2B's rule: an English text and a ViT-B/32 score of at least 0.28. */
export const LAION_SCORE = 0.28;
export function isLaion(score: number, language: string): boolean {
  return language === 'en' && score >= LAION_SCORE;
}
