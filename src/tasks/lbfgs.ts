import { LineSearch } from './line-search.js';

/** A function to minimise: writes the gradient at `point` into `gradient` and gives the value. */
export type Objective = (point: Float64Array, gradient: Float64Array) => Promise<number>;

export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  readonly iterations: number;
  readonly evaluations: number;
  /** Whether a tolerance was met; false when the iterations ran out or no step lowered the function any more. */
  readonly converged: boolean;
}

export interface MinimizeOptions {
  readonly maxIterations: number;
  /** Stop when no component of the gradient is larger. */
  readonly gradientTolerance: number;
  /** Stop when an iteration lowers the value by less than this part of it (or of 1). */
  readonly valueTolerance: number;
}

/** Pairs of steps and gradient changes that are remembered. */
const MEMORY = 10;
const MOST_TRIALS = 50;

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly dot: number;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function addScaled(to: Float64Array, factor: number, from: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? 0) + factor * (from[i] ?? 0);
}

const largest = (vector: Float64Array): number => vector.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** - H * gradient by the two-loop recursion, the first estimate of H being 1 / curvature. */
function direction(gradient: Float64Array, pairs: readonly Pair[], curvature: number): Float64Array {
  const result = gradient.map((x) => -x);
  const weights = pairs.map(() => 0);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const pair = pairs[i];
    if (pair === undefined) continue;
    const weight = dot(pair.step, result) / pair.dot;
    weights[i] = weight;
    addScaled(result, -weight, pair.change);
  }
  for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) / curvature;
  pairs.forEach((pair, i) => {
    addScaled(result, (weights[i] ?? 0) - dot(pair.change, result) / pair.dot, pair.step);
  });
  return result;
}

/**
 * Limited-memory BFGS (Nocedal 1980) with Moré and Thuente's line search: the same steps as SciPy's L-BFGS-B takes
 * on a function without bounds, with its rules for the first step, for skipped updates and for starting afresh when
 * a search fails.
 */
export async function minimize(
  objective: Objective,
  start: Float64Array,
  options: MinimizeOptions,
): Promise<Minimum> {
  let point = Float64Array.from(start);
  let gradient = new Float64Array(point.length);
  let value = await objective(point, gradient);
  let evaluations = 1;
  let pairs: Pair[] = [];
  let curvature = 1;
  let iterations = 0;
  const done = (converged: boolean): Minimum => ({ point, value, iterations, evaluations, converged });
  if (largest(gradient) <= options.gradientTolerance) return done(true);

  while (iterations < options.maxIterations) {
    const along = direction(gradient, pairs, curvature);
    const slope = dot(gradient, along);
    const length = Math.sqrt(dot(along, along));
    const search = new LineSearch(value, slope, iterations === 0 ? Math.min(1 / length, 1e10) : 1);
    const trial = new Float64Array(point.length);
    const trialGradient = new Float64Array(point.length);
    let trialValue = value;
    let found = false;
    for (let trials = 0; slope < 0 && !found && trials < MOST_TRIALS; trials++) {
      for (let i = 0; i < trial.length; i++) trial[i] = (point[i] ?? 0) + search.step * (along[i] ?? 0);
      trialValue = await objective(trial, trialGradient);
      evaluations++;
      found = search.tell(trialValue, dot(trialGradient, along));
    }
    if (!found) {
      if (pairs.length === 0) return done(false);
      pairs = [];
      curvature = 1;
      continue;
    }
    iterations++;
    const before = value;
    const stepSize = search.step;
    const change = trialGradient.map((x, i) => x - (gradient[i] ?? 0));
    const step = along.map((x) => x * stepSize);
    const bend = dot(change, step);
    if (bend > Number.EPSILON * -slope * stepSize) {
      curvature = dot(change, change) / bend;
      pairs = [...pairs.slice(-(MEMORY - 1)), { step, change, dot: bend }];
    }
    point = trial;
    gradient = trialGradient;
    value = trialValue;
    if (largest(gradient) <= options.gradientTolerance) return done(true);
    if (before - value <= options.valueTolerance * Math.max(Math.abs(before), Math.abs(value), 1))
      return done(true);
  }
  return done(false);
}
