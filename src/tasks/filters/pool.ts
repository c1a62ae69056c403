import { DiptychError, throwIfAborted } from '../../errors.js';
import { numberOf, tableRows, textOf, type TableRow } from '../rows-file.js';
import { WordNet } from '../wordnet.js';
import { alignFilter, type AlignOptions, type AlignReason } from './align.js';
import {
  atLeast,
  isBasic,
  isImageBasedCaption,
  isTextBased,
  LAION_SCORE,
  scoreThreshold,
} from './datacomp.js';

/** `dfn` and `linear` are `score` with scores of one's own: of a filtering model, or of a linear head. */
export type FilterRule = 'basic' | 'text' | 'image' | 'laion' | 'score' | 'dfn' | 'linear' | 'align';

export interface PoolOptions {
  /** Column of the score for `score` and `laion`. Default clip_l14_similarity_score, clip_b32_similarity_score. */
  readonly scoreColumn?: string;
  /** A score for each row of the pool, instead of a column. */
  readonly scores?: ArrayLike<number>;
  /** For `image`: rows whose picture is near a target (see nearTargets). */
  readonly near?: ReadonlySet<number>;
  readonly threshold?: number;
  /** Instead of a threshold: the share to keep. */
  readonly fraction?: number;
  /** Default `language`. */
  readonly languageColumn?: string;
  /** For `text`: WordNet's dict folder, and the offsets of the entities. */
  readonly wordnet?: string;
  readonly offsets?: ReadonlySet<number>;
  /** For `align`: thresholds other than the paper's. */
  readonly align?: AlignOptions;
  readonly signal?: AbortSignal | undefined;
  /** Rows read so far, now and then. */
  readonly onProgress?: ((rows: number) => void) | undefined;
}

export interface PoolResult {
  readonly rows: number;
  /** Rows kept, in the order of the pool, with their position in it. */
  readonly kept: readonly { readonly index: number; readonly row: TableRow }[];
  readonly threshold: number | null;
  /** `align`: the first reason that applied to a row dropped, and how many rows it took. */
  readonly dropped?: Readonly<Record<AlignReason, number>>;
  /** Rows that lack what the rule needs; they are not kept. */
  readonly incomplete: readonly { readonly index: number; readonly message: string }[];
}

function missingOf(row: TableRow, texts: readonly string[], numbers: readonly string[]): string | null {
  const text = texts.find((column) => textOf(row, column) === null);
  if (text !== undefined) return `no text in column ${text}`;
  const number = numbers.find((column) => Number.isNaN(numberOf(row, column)));
  return number === undefined ? null : `no number in column ${number}`;
}

/** Rows between two reports. */
const REPORT_EVERY = 10_000;

/** The columns that a rule reads: texts, then numbers. */
function columnsOf(rule: FilterRule, score: string, language: string): [string[], string[]] {
  const size = ['original_width', 'original_height'];
  if (rule === 'basic') return [['text', language], size];
  if (rule === 'text' || rule === 'image') return [['text', language], []];
  if (rule === 'laion') return [[language], [score]];
  return rule === 'align' ? [['text', 'url'], size] : [[], [score]];
}

/**
 * Applies a rule to a pool in files (see {@link tableRows}), with DataComp's column names. Throws BAD_INPUT when no
 * row has what the rule needs, BAD_OPTION, INPUT_NOT_FOUND, ABORTED.
 */
export async function filterPool(
  files: readonly string[],
  rule: FilterRule,
  options: PoolOptions = {},
): Promise<PoolResult> {
  const language = options.languageColumn ?? 'language';
  const score =
    options.scoreColumn ?? (rule === 'laion' ? 'clip_b32_similarity_score' : 'clip_l14_similarity_score');
  const { scores: given } = options;
  const [texts, columns] = columnsOf(rule, score, language);
  const numbers = given === undefined ? columns : columns.filter((column) => column !== score);
  const whole: { index: number; row: TableRow }[] = [];
  const incomplete: { index: number; message: string }[] = [];
  let rows = 0;
  for (const file of files) {
    for await (const row of tableRows(file)) {
      const index = rows++;
      const message = missingOf(row, texts, numbers);
      if (message === null) whole.push({ index, row });
      else incomplete.push({ index, message });
      if (rows % REPORT_EVERY !== 0) continue;
      throwIfAborted(options.signal);
      options.onProgress?.(rows);
    }
  }
  throwIfAborted(options.signal);
  options.onProgress?.(rows);
  if (given !== undefined && given.length !== rows) {
    throw new DiptychError('DIMENSION_MISMATCH', `${String(rows)} rows, but ${String(given.length)} scores`, {
      input: 'scores',
    });
  }
  if (whole.length === 0) {
    throw new DiptychError(
      'BAD_INPUT',
      `none of ${String(rows)} rows has what ${rule} needs: ${incomplete[0]?.message ?? 'the pool is empty'}`,
      {
        input: files.join(', '),
      },
    );
  }
  const text = (row: TableRow, column: string): string => textOf(row, column) ?? '';
  const poolRow = (row: TableRow): { text: string; language: string; width: number; height: number } => ({
    text: text(row, 'text'),
    language: text(row, language),
    width: numberOf(row, 'original_width'),
    height: numberOf(row, 'original_height'),
  });
  const result = (kept: PoolResult['kept'], threshold: number | null = null): PoolResult => ({
    rows,
    kept,
    threshold,
    incomplete,
  });
  switch (rule) {
    case 'basic':
      return result(whole.filter(({ row }) => isBasic(poolRow(row))));
    case 'text': {
      const { wordnet, offsets } = options;
      if (wordnet === undefined || offsets === undefined)
        throw new DiptychError('BAD_OPTION', 'the text rule needs a WordNet folder and a list of offsets', {
          input: 'wordnet',
        });
      const database = new WordNet(wordnet);
      return result(whole.filter(({ row }) => isTextBased(poolRow(row), offsets, database)));
    }
    case 'align': {
      const pool = whole.map(({ row }) => ({ ...poolRow(row), image: text(row, 'url') }));
      const { kept, dropped } = alignFilter(pool, options.align);
      return { ...result(kept.flatMap((at) => whole[at] ?? [])), dropped };
    }
    case 'image': {
      const { near } = options;
      if (near === undefined)
        throw new DiptychError('BAD_OPTION', 'the image rule needs embeddings, centroids and targets', {
          input: 'near',
        });
      return result(
        whole.filter(({ index, row }) => {
          const caption = { text: text(row, 'text'), language: text(row, language) };
          return near.has(index) && isImageBasedCaption(caption);
        }),
      );
    }
    case 'laion':
    case 'dfn':
    case 'linear':
    case 'score': {
      const scores = Float64Array.from(whole, ({ index, row }) =>
        given === undefined ? numberOf(row, score) : (given[index] ?? NaN),
      );
      const { fraction } = options;
      const least =
        fraction === undefined
          ? (options.threshold ?? (rule === 'laion' ? LAION_SCORE : NaN))
          : scoreThreshold(scores, fraction);
      if (Number.isNaN(least))
        throw new DiptychError('BAD_OPTION', 'give a threshold or a fraction', { input: 'threshold' });
      const kept = atLeast(scores, least).flatMap((at) => whole[at] ?? []);
      return result(rule === 'laion' ? kept.filter(({ row }) => text(row, language) === 'en') : kept, least);
    }
  }
}
