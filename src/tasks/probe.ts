import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { parseOptions, read } from '../options.js';
import { callNative, checkFeatures, checkLabels, checkSameDim, pinnable, type Features } from './features.js';
import { minimize } from './lbfgs.js';

/** Options of {@link fitProbe}, named and set as scikit-learn's LogisticRegression. */
export interface ProbeOptions {
  /** Inverse of the L2 penalty. Default 1; CLIP's example uses 0.316. */
  readonly c?: number;
  /** Default 1000, as CLIP's example. */
  readonly maxIterations?: number;
  /** Largest component of the gradient of the mean loss at which to stop. Default 1e-4. */
  readonly tolerance?: number;
  /** Default true. */
  readonly fitIntercept?: boolean;
  /** Default: the cores this process may use. */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

interface ResolvedProbe {
  readonly c: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  readonly fitIntercept: boolean;
  readonly threads: number;
  readonly signal: AbortSignal | null;
}

/** A linear classifier over features. */
export interface Probe {
  /** Class numbers, ascending; row c of the coefficients belongs to classes[c]. */
  readonly classes: Int32Array;
  readonly dim: number;
  /** classes x dim numbers (1 x dim for two classes: the log odds of the second, as scikit-learn). */
  readonly coefficients: Float64Array;
  /** One number per row of the coefficients. */
  readonly intercepts: Float64Array;
  /** Mean cross-entropy plus penalty: what was minimised. */
  readonly loss: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly converged: boolean;
}

/** SciPy's factr as scikit-learn sets it. */
const VALUE_TOLERANCE = 64 * Number.EPSILON;

function parseProbe(given: unknown): ResolvedProbe {
  return parseOptions<ResolvedProbe>(
    given,
    {
      c: read.number((value) => Number.isFinite(value) && value > 0, 'a positive number'),
      maxIterations: read.integer(1),
      tolerance: read.number((value) => Number.isFinite(value) && value >= 0, 'a number of at least 0'),
      fitIntercept: read.boolean,
      threads: read.integer(1, 256),
      signal: read.signal,
    },
    {
      c: 1,
      maxIterations: 1000,
      tolerance: 1e-4,
      fitIntercept: true,
      threads: native().availableCores(),
      signal: null,
    },
    'fitProbe options',
  );
}

/**
 * L2-regularised multinomial logistic regression by L-BFGS: the minimum of
 * mean cross-entropy + |W|^2 / (2 c rows), intercepts free. The same objective, start, steps and stopping rules as
 * scikit-learn's LogisticRegression(solver="lbfgs"), so that also an unfinished fit agrees with it; with two classes
 * one row of coefficients is fitted, as there.
 *
 * @throws DiptychError BAD_INPUT (fewer than two classes, numbers that are not finite), DIMENSION_MISMATCH
 * (labels do not match the rows), BAD_OPTION, ABORTED.
 */
export async function fitProbe(
  features: Features,
  labels: ArrayLike<number>,
  options?: ProbeOptions,
): Promise<Probe> {
  const { c, maxIterations, tolerance, fitIntercept, threads, signal } = parseProbe(options);
  const { data, rows, dim } = checkFeatures(features, 'features');
  const given = checkLabels(labels, rows, null);
  const classes = Int32Array.from(new Set(given)).sort();
  if (classes.length < 2) {
    throw new DiptychError('BAD_INPUT', 'a probe needs rows of at least two classes', { input: 'labels' });
  }
  const rank = new Map(Array.from(classes, (label, at) => [label, at]));
  const targets = given.map((label) => rank.get(label) ?? 0);
  const pinned = pinnable(data);
  const width = dim + 1;
  // With two classes the first row stays zero: softmax([0, z]) is the logistic function of z.
  const fixed = classes.length === 2 ? 1 : 0;
  const count = classes.length;
  const weights = new Float64Array(count * width);
  const slopes = new Float64Array(count * width);
  const penalty = 1 / (c * rows);

  const minimum = await minimize(
    async (point, gradient) => {
      weights.set(point, fixed * width);
      const sum = await callNative(signal, (cancel) =>
        native().logisticLoss(pinned, dim, targets, count, weights, slopes, threads, cancel),
      );
      let squares = 0;
      for (let i = 0; i < point.length; i++) {
        const isIntercept = i % width === dim;
        const weight = isIntercept ? 0 : (point[i] ?? 0);
        squares += weight * weight;
        const slope = (slopes[fixed * width + i] ?? 0) / rows + penalty * weight;
        gradient[i] = isIntercept && !fitIntercept ? 0 : slope;
      }
      return sum / rows + (penalty * squares) / 2;
    },
    new Float64Array((count - fixed) * width),
    { maxIterations, gradientTolerance: tolerance, valueTolerance: VALUE_TOLERANCE },
  );
  const fittedRows = count - fixed;
  const coefficients = new Float64Array(fittedRows * dim);
  const intercepts = new Float64Array(fittedRows);
  for (let row = 0; row < fittedRows; row++) {
    coefficients.set(minimum.point.subarray(row * width, row * width + dim), row * dim);
    intercepts[row] = minimum.point[row * width + dim] ?? 0;
  }
  const { value: loss, iterations, evaluations, converged } = minimum;
  return { classes, dim, coefficients, intercepts, loss, iterations, evaluations, converged };
}

export interface ProbeScores {
  /** The best class of each row (the lower one on ties). */
  readonly labels: Int32Array;
  /** rows x classes. */
  readonly probabilities: Float64Array;
}

/** Applies a probe to features. Throws BAD_INPUT, DIMENSION_MISMATCH. */
export async function applyProbe(probe: Probe, features: Features, threads?: number): Promise<ProbeScores> {
  const checked = checkFeatures(features, 'features', 0);
  checkSameDim({ data: new Float32Array(), rows: 0, dim: probe.dim }, checked, [
    'the coefficients',
    'features',
  ]);
  const { rows, dim } = checked;
  const fitted = probe.intercepts.length;
  const count = probe.classes.length;
  const logits = new Float32Array(rows * fitted);
  if (rows > 0) {
    const used = threads ?? native().availableCores();
    const weights = Float32Array.from(probe.coefficients);
    await callNative(null, () =>
      native().matmul(pinnable(checked.data), false, weights, true, rows, fitted, dim, logits, used),
    );
  }
  const labels = new Int32Array(rows);
  const probabilities = new Float64Array(rows * count);
  const row = new Float64Array(count);
  for (let at = 0; at < rows; at++) {
    for (let k = 0; k < fitted; k++) {
      row[count - fitted + k] = (logits[at * fitted + k] ?? 0) + (probe.intercepts[k] ?? 0);
    }
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - most), 0);
    row.forEach((logit, k) => {
      probabilities[at * count + k] = Math.exp(logit - most) / sum;
    });
    labels[at] = probe.classes[row.indexOf(most)] ?? 0;
  }
  return { labels, probabilities };
}

/** The share of rows whose label a probe finds. */
export async function probeAccuracy(
  probe: Probe,
  features: Features,
  labels: ArrayLike<number>,
): Promise<number> {
  const expected = checkLabels(labels, features.rows, null);
  const found = await applyProbe(probe, features);
  return (
    found.labels.reduce((hits, label, row) => hits + (label === expected[row] ? 1 : 0), 0) / features.rows
  );
}

/** Points of CLIP's sweep: 96 powers of ten from 1e-6 to 1e6, eight a decade. */
const STEPS_PER_DECADE = 8;
const COARSE = [-6, -4, -2, 0, 2, 4, 6];

export interface SweepResult {
  readonly c: number;
  readonly accuracy: number;
  /** Every value tried, in the order of trial. */
  readonly tried: readonly { readonly c: number; readonly accuracy: number }[];
}

/**
 * Chooses c on a validation split as CLIP's paper does (Radford et al. 2021, appendix A.3): seven values from 1e-6
 * to 1e6 first, then, around the best, at half the distance again and again down to eight values a decade. The
 * lowest c wins a tie.
 */
export async function sweepProbe(
  train: { readonly features: Features; readonly labels: ArrayLike<number> },
  validation: { readonly features: Features; readonly labels: ArrayLike<number> },
  options?: Omit<ProbeOptions, 'c'> & {
    readonly onProgress?: ((tried: number, total: number) => void) | undefined;
  },
): Promise<SweepResult> {
  const { onProgress, ...fit } = options ?? {};
  const tried = new Map<number, number>();
  const total = COARSE.length + 8;
  const measure = async (exponent: number): Promise<void> => {
    if (exponent < -6 || exponent > 6 || tried.has(exponent)) return;
    const probe = await fitProbe(train.features, train.labels, { ...fit, c: 10 ** exponent });
    tried.set(exponent, await probeAccuracy(probe, validation.features, validation.labels));
    onProgress?.(tried.size, total);
  };
  const best = (): number => [...tried].sort(([c1, a1], [c2, a2]) => a2 - a1 || c1 - c2)[0]?.[0] ?? 0;
  for (const exponent of COARSE) await measure(exponent);
  for (let step = 1; step >= 1 / STEPS_PER_DECADE; step /= 2) {
    const peak = best();
    await measure(peak - step);
    await measure(peak + step);
  }
  const c = best();
  return {
    c: 10 ** c,
    accuracy: tried.get(c) ?? 0,
    tried: [...tried].map(([exponent, accuracy]) => ({ c: 10 ** exponent, accuracy })),
  };
}
