import { DiptychError } from '../errors.js';
import { checkLabels } from './features.js';

/** Scores of rows against classes, row after row. */
export interface Scores {
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly columns: number;
}

export interface ClassReport {
  /** Rows of this class. */
  readonly support: number;
  readonly recall: number | null;
  readonly precision: number | null;
}

/** Names as CLIP_benchmark's where it has them. */
export interface ClassificationMetrics {
  readonly rows: number;
  readonly acc1: number;
  /** null with fewer than five classes. */
  readonly acc5: number | null;
  /** Mean over the classes that occur (scikit-learn's balanced accuracy). */
  readonly meanPerClassRecall: number;
  /** Expected calibration error over 15 bins of equal width; null without probabilities. */
  readonly ece: number | null;
  readonly perClass: readonly ClassReport[];
  /** classes x classes counts: confusion[true * classes + predicted]. */
  readonly confusion: Int32Array;
}

const BINS = 15;

function checkScores(scores: Scores, name: string): void {
  const { data, rows, columns } = scores;
  if (data.length !== rows * columns || columns < 1 || rows < 1) {
    throw new DiptychError(
      'BAD_INPUT',
      `expected rows x columns numbers, at least one of each; got ${String(data.length)} for ${String(rows)} x ${String(columns)}`,
      { input: name },
    );
  }
  const bad = data.findIndex((value) => Number.isNaN(value));
  if (bad >= 0) {
    throw new DiptychError('BAD_INPUT', `row ${String(Math.floor(bad / columns))} holds NaN`, {
      input: name,
    });
  }
}

/** Columns of the largest scores of a row, best first; the lower column on ties. */
export function bestColumns(scores: Scores, row: number, k: number): number[] {
  const line = scores.data.subarray(row * scores.columns, (row + 1) * scores.columns);
  const best: number[] = [];
  for (let column = 0; column < line.length; column++) {
    const score = line[column] ?? -Infinity;
    if (best.length === k && score <= (line[best[k - 1] ?? 0] ?? -Infinity)) continue;
    let at = best.length;
    while (at > 0 && (line[best[at - 1] ?? 0] ?? -Infinity) < score) at--;
    best.splice(at, 0, column);
    if (best.length > k) best.pop();
  }
  return best;
}

/**
 * Expected calibration error (Guo et al. 2017): rows fall into 15 bins by their confidence, (lo, hi] each, and the
 * gaps between confidence and accuracy are averaged by the bins' sizes.
 */
export function calibrationError(confidences: ArrayLike<number>, hits: ArrayLike<boolean>): number {
  const bins = Array.from({ length: BINS }, () => ({ confidence: 0, hits: 0 }));
  for (let row = 0; row < confidences.length; row++) {
    const confidence = confidences[row] ?? 0;
    const bin = bins[Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1))];
    if (bin === undefined) continue;
    bin.confidence += confidence;
    bin.hits += hits[row] === true ? 1 : 0;
  }
  return bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.hits), 0) / confidences.length;
}

/**
 * Accuracy, per-class recall, calibration and confusion of scores [rows, classes] (logits, cosines or
 * probabilities) against one class number a row. Ties go to the lower class.
 *
 * @throws DiptychError BAD_INPUT (NaN, an unknown class, an empty set), DIMENSION_MISMATCH (labels and rows differ).
 */
export function classificationMetrics(
  scores: Scores,
  labels: ArrayLike<number>,
  probabilities?: Scores,
): ClassificationMetrics {
  checkScores(scores, 'scores');
  const { rows, columns: classes } = scores;
  const wanted = checkLabels(labels, rows, classes);
  const confusion = new Int32Array(classes * classes);
  let first = 0;
  let five = 0;
  const chosen = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const label = wanted[row] ?? 0;
    const best = bestColumns(scores, row, Math.min(5, classes));
    chosen[row] = best[0] ?? 0;
    if (best[0] === label) first++;
    if (best.includes(label)) five++;
    const at = label * classes + (best[0] ?? 0);
    confusion[at] = (confusion[at] ?? 0) + 1;
  }
  const perClass = Array.from({ length: classes }, (_, label): ClassReport => {
    let support = 0;
    let predicted = 0;
    for (let other = 0; other < classes; other++) {
      support += confusion[label * classes + other] ?? 0;
      predicted += confusion[other * classes + label] ?? 0;
    }
    const hits = confusion[label * classes + label] ?? 0;
    return {
      support,
      recall: support === 0 ? null : hits / support,
      precision: predicted === 0 ? null : hits / predicted,
    };
  });
  const recalls = perClass.flatMap(({ recall }) => (recall === null ? [] : [recall]));
  let ece: number | null = null;
  if (probabilities !== undefined) {
    checkScores(probabilities, 'probabilities');
    const confidences = Array.from(chosen, (column, row) => probabilities.data[row * classes + column] ?? 0);
    ece = calibrationError(
      confidences,
      Array.from(chosen, (column, row) => column === wanted[row]),
    );
  }
  return {
    rows,
    acc1: first / rows,
    acc5: classes < 5 ? null : five / rows,
    meanPerClassRecall: recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
    ece,
    perClass,
    confusion,
  };
}

/**
 * Mean average precision for rows with any number of labels each: targets is rows x classes of 0 and 1. Classes
 * without a positive row count as 0, as in CLIP_benchmark. Equal scores keep the order of the rows.
 */
export function meanAveragePrecision(
  scores: Scores,
  targets: ArrayLike<number>,
): { readonly meanAveragePrecision: number; readonly perClass: readonly number[] } {
  checkScores(scores, 'scores');
  const { rows, columns: classes } = scores;
  if (targets.length !== rows * classes) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `expected ${String(rows * classes)} targets, got ${String(targets.length)}`,
      { input: 'targets' },
    );
  }
  const perClass = Array.from({ length: classes }, (_, column) => {
    const score = (row: number): number => scores.data[row * classes + column] ?? 0;
    const order = Array.from({ length: rows }, (__, row) => row).sort((a, b) => score(b) - score(a));
    let positives = 0;
    let sum = 0;
    order.forEach((row, rank) => {
      if ((targets[row * classes + column] ?? 0) === 0) return;
      positives++;
      sum += positives / (rank + 1);
    });
    return sum / Math.max(1, positives);
  });
  return { meanAveragePrecision: perClass.reduce((sum, ap) => sum + ap, 0) / classes, perClass };
}

/** The confusion matrix as shares of each true class, for a heat map: classes x classes, rows sum to 1 or 0. */
export function confusionShares(confusion: Int32Array): {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
} {
  const classes = Math.round(Math.sqrt(confusion.length));
  if (classes * classes !== confusion.length)
    throw new DiptychError('BAD_INPUT', 'expected a square matrix of counts', { input: 'confusion' });
  const data = new Float32Array(confusion.length);
  for (let row = 0; row < classes; row++) {
    const line = confusion.subarray(row * classes, (row + 1) * classes);
    const total = line.reduce((sum, count) => sum + count, 0);
    line.forEach((count, column) => {
      data[row * classes + column] = total === 0 ? 0 : count / total;
    });
  }
  return { data, rows: classes, columns: classes };
}

/** Several test sets side by side: the mean, and how far each falls below the first (the robustness gap). */
export function robustness(sets: readonly { readonly name: string; readonly acc1: number }[]): {
  readonly mean: number;
  readonly gaps: readonly { readonly name: string; readonly gap: number }[];
} {
  const [base] = sets;
  if (base === undefined)
    throw new DiptychError('BAD_INPUT', 'expected at least one test set', { input: 'sets' });
  return {
    mean: sets.reduce((sum, { acc1 }) => sum + acc1, 0) / sets.length,
    gaps: sets.slice(1).map(({ name, acc1 }) => ({ name, gap: base.acc1 - acc1 })),
  };
}

export interface LabelMoves {
  /** Share of the rows whose label changed. */
  readonly moved: number;
  /** Where they went, the most frequent first. */
  readonly moves: readonly { readonly from: string; readonly to: string; readonly count: number }[];
}

/**
 * How predictions move when the list of classes changes (a class added, renamed or removed), as in the section on
 * bias of CLIP's paper. A label that both lists have is the same class.
 */
export function labelMoves(
  before: { readonly scores: Scores; readonly labels: readonly string[] },
  after: { readonly scores: Scores; readonly labels: readonly string[] },
): LabelMoves {
  for (const [name, { scores, labels }] of Object.entries({ before, after })) {
    checkScores(scores, name);
    if (labels.length !== scores.columns)
      throw new DiptychError('DIMENSION_MISMATCH', 'expected one label a column', { input: name });
  }
  if (before.scores.rows !== after.scores.rows)
    throw new DiptychError('DIMENSION_MISMATCH', 'expected the same rows before and after', {
      input: 'after',
    });
  const counts = new Map<string, { from: string; to: string; count: number }>();
  for (let row = 0; row < before.scores.rows; row++) {
    const from = before.labels[bestColumns(before.scores, row, 1)[0] ?? 0] ?? '';
    const to = after.labels[bestColumns(after.scores, row, 1)[0] ?? 0] ?? '';
    if (from === to) continue;
    const key = JSON.stringify([from, to]);
    const entry = counts.get(key) ?? { from, to, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  const moves = [...counts.values()].sort((a, b) => b.count - a.count);
  return { moved: moves.reduce((sum, { count }) => sum + count, 0) / before.scores.rows, moves };
}
