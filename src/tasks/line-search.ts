/**
 * Moré and Thuente's line search (ACM TOMS 20, 1994), as in MINPACK-2 and SciPy's L-BFGS-B: a step that lowers the
 * function enough (first parameter) and flattens its slope enough (second).
 */
const DECREASE = 1e-3;
const CURVATURE = 0.9;
const WIDTH = 0.1;

/** A step with the function's value and slope there. */
interface Point {
  step: number;
  value: number;
  slope: number;
}

/** Minimiser of the cubic through two points, in the form that stays accurate for either order of them. */
function cubic(from: Point, to: Point, sign: 1 | -1, clamp: boolean): { ratio: number; gamma: number } {
  const theta = (3 * (from.value - to.value)) / (to.step - from.step) + from.slope + to.slope;
  const size = Math.max(Math.abs(theta), Math.abs(from.slope), Math.abs(to.slope));
  const inside = (theta / size) ** 2 - (from.slope / size) * (to.slope / size);
  const root = size * Math.sqrt(clamp ? Math.max(0, inside) : inside);
  const gamma = sign * root;
  return { ratio: theta, gamma };
}

/** The next trial between (or beyond) `best` and `other`, given the last trial; `bracketed` afterwards. */
function nextStep(
  best: Point,
  other: Point,
  trial: Point,
  bracketed: boolean,
  least: number,
  most: number,
): { step: number; bracketed: boolean } {
  const turn = trial.slope * Math.sign(best.slope);
  if (trial.value > best.value) {
    const { ratio: theta, gamma } = cubic(best, trial, trial.step < best.step ? -1 : 1, false);
    const r = (gamma - best.slope + theta) / (gamma - best.slope + gamma + trial.slope);
    const byCubic = best.step + r * (trial.step - best.step);
    const secant = best.slope / ((best.value - trial.value) / (trial.step - best.step) + best.slope);
    const byQuadratic = best.step + (secant / 2) * (trial.step - best.step);
    const step =
      Math.abs(byCubic - best.step) < Math.abs(byQuadratic - best.step)
        ? byCubic
        : byCubic + (byQuadratic - byCubic) / 2;
    return { step, bracketed: true };
  }
  if (turn < 0) {
    const { ratio: theta, gamma } = cubic(best, trial, trial.step > best.step ? -1 : 1, false);
    const r = (gamma - trial.slope + theta) / (gamma - trial.slope + gamma + best.slope);
    const byCubic = trial.step + r * (best.step - trial.step);
    const byQuadratic = trial.step + (trial.slope / (trial.slope - best.slope)) * (best.step - trial.step);
    const step = Math.abs(byCubic - trial.step) > Math.abs(byQuadratic - trial.step) ? byCubic : byQuadratic;
    return { step, bracketed: true };
  }
  if (Math.abs(trial.slope) < Math.abs(best.slope)) {
    const { ratio: theta, gamma } = cubic(best, trial, trial.step > best.step ? -1 : 1, true);
    const r = (gamma - trial.slope + theta) / (gamma + (best.slope - trial.slope) + gamma);
    const byCubic =
      r < 0 && gamma !== 0
        ? trial.step + r * (best.step - trial.step)
        : trial.step > best.step
          ? most
          : least;
    const byQuadratic = trial.step + (trial.slope / (trial.slope - best.slope)) * (best.step - trial.step);
    const cubicIsNearer = Math.abs(byCubic - trial.step) < Math.abs(byQuadratic - trial.step);
    if (!bracketed) {
      const far = cubicIsNearer ? byQuadratic : byCubic;
      return { step: Math.max(least, Math.min(most, far)), bracketed };
    }
    const near = cubicIsNearer ? byCubic : byQuadratic;
    const limit = trial.step + 0.66 * (other.step - trial.step);
    return { step: trial.step > best.step ? Math.min(limit, near) : Math.max(limit, near), bracketed };
  }
  if (!bracketed) return { step: trial.step > best.step ? most : least, bracketed };
  const theta = (3 * (trial.value - other.value)) / (other.step - trial.step) + other.slope + trial.slope;
  const size = Math.max(Math.abs(theta), Math.abs(other.slope), Math.abs(trial.slope));
  const root = size * Math.sqrt((theta / size) ** 2 - (other.slope / size) * (trial.slope / size));
  const gamma = trial.step > other.step ? -root : root;
  const r = (gamma - trial.slope + theta) / (gamma - trial.slope + gamma + other.slope);
  return { step: trial.step + r * (other.step - trial.step), bracketed };
}

/** One search along a line, driven from outside: ask for {@link step}, tell the value and slope there. */
export class LineSearch {
  /** The step to try, or, once {@link tell} said true, the step found. */
  step: number;
  readonly #start: Point;
  readonly #most: number;
  #best: Point;
  #other: Point;
  #bracketed = false;
  #firstStage = true;
  #width: number;
  #previousWidth: number;
  #low = 0;
  #high: number;

  constructor(value: number, slope: number, step: number, most = 1e10) {
    this.step = step;
    this.#start = { step: 0, value, slope };
    this.#best = { step: 0, value, slope };
    this.#other = { step: 0, value, slope };
    this.#most = most;
    this.#width = most;
    this.#previousWidth = 2 * most;
    this.#high = 5 * step;
  }

  /** The function's value and slope at {@link step}: true when the search is over (found, or no better to be had). */
  tell(value: number, slope: number): boolean {
    const required = DECREASE * this.#start.slope;
    const ceiling = this.#start.value + this.step * required;
    if (this.#firstStage && value <= ceiling && slope >= 0) this.#firstStage = false;
    const stuck =
      (this.#bracketed && (this.step <= this.#low || this.step >= this.#high)) ||
      (this.#bracketed && this.#high - this.#low <= WIDTH * this.#high) ||
      (this.step === this.#most && value <= ceiling && slope <= required) ||
      (this.step === 0 && (value > ceiling || slope >= required));
    const found = value <= ceiling && Math.abs(slope) <= -CURVATURE * this.#start.slope;
    if (stuck || found) return true;

    // While the step is not yet good enough, the function less the required decrease guides the search.
    const tilt = this.#firstStage && value <= this.#best.value && value > ceiling ? required : 0;
    const tilted = (p: Point): Point => ({
      step: p.step,
      value: p.value - p.step * tilt,
      slope: p.slope - tilt,
    });
    const trial = { step: this.step, value, slope };
    const best = tilted(this.#best);
    const now = tilted(trial);
    const next = nextStep(best, tilted(this.#other), now, this.#bracketed, this.#low, this.#high);
    if (now.value > best.value) {
      this.#other = trial;
    } else {
      if (now.slope * Math.sign(best.slope) < 0) this.#other = this.#best;
      this.#best = trial;
    }
    this.#bracketed = next.bracketed;
    this.#advance(next.step);
    return false;
  }

  #advance(step: number): void {
    this.step = step;
    const from = this.#best.step;
    if (this.#bracketed) {
      const width = Math.abs(this.#other.step - from);
      if (width >= 0.66 * this.#previousWidth) this.step = from + 0.5 * (this.#other.step - from);
      this.#previousWidth = this.#width;
      this.#width = width;
      this.#low = Math.min(from, this.#other.step);
      this.#high = Math.max(from, this.#other.step);
    } else {
      this.#low = this.step + 1.1 * (this.step - from);
      this.#high = this.step + 4 * (this.step - from);
    }
    this.step = Math.max(0, Math.min(this.#most, this.step));
    const useless =
      this.#bracketed &&
      (this.step <= this.#low || this.step >= this.#high || this.#high - this.#low <= WIDTH * this.#high);
    if (useless) this.step = from;
  }
}
