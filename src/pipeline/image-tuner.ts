import type { EncoderLayout } from '../session/tower-session.js';

/** Ways to run the image pipeline, in the order in which they are tried. */
export interface TunerChoices {
  /** Images per encoder run. */
  readonly batches: readonly number[];
  /** What is open at the start: best for the first images, not for many. */
  readonly start: Layout;
  /** Threads and sessions of the encoder with threads of the decoders; the first stays where no other is clearly better. */
  readonly layouts: readonly Layout[];
}

export interface Layout extends EncoderLayout {
  readonly workers: number;
}

/** What a model runs with. */
export interface Tuning extends Layout {
  readonly batchSize: number;
}

/** Runs per batch size: the first is not counted, since the encoder lays out its memory in it. */
const RUNS_PER_BATCH = 4;
/** Longest time spent on batch sizes, and the time each layout gets. */
const BATCHES_MS = 3000;
const LAYOUT_MS = 1000;
/** A run that has kept the pipeline busy for so long is a long one. */
const LONG_MS = 1000;
/** Batches that follow each other within this time belong to one run, be the encoder busy or the decoders. */
const PAUSE_MS = 100;
/** Less than this is noise: what is there already stays. */
const WORTH = 0.95;
/**
 * CPU time that a batch of any size costs beside decoding and encoding: calls, messages, promises and their garbage
 * (measured: 0.35 ms here, 0.3 ms in the encoder's thread, 0.2 ms in V8's). It decides where the encoder is quick.
 */
const HAND_OVER_MS = 0.8;

interface Trial {
  runs: number;
  /** Least time per image in the encoder and on the way there. */
  bestMs: number;
}

/**
 * Chooses batch size and threads by measuring the first seconds of a long run. Batch sizes are judged by the encoder's
 * time per image and the cost of handing a batch over, layouts by the images that come out per second; a call that ends earlier changes nothing.
 */
export class ImageTuner {
  readonly #batches: readonly number[];
  readonly #layouts: readonly Layout[];
  readonly #onLayout: (layout: Layout) => Promise<void>;
  readonly #trials: Trial[];
  #batch = 0;
  #encoderMs = 0;
  #busyMs = 0;
  #lastMs: number | null = null;
  #layout: Layout;
  #state: 'batches' | 'wait' | 'layouts' | 'done';
  #layoutBegan: number | null = null;
  #layoutRows = 0;
  #changing = false;
  readonly #rates: number[] = [];

  /** `onLayout` is told when the encoder is wanted in another layout, and resolves once it is. */
  constructor(choices: TunerChoices, onLayout: (layout: Layout) => Promise<void> = () => Promise.resolve()) {
    this.#batches = choices.batches;
    this.#layouts = choices.layouts;
    this.#onLayout = onLayout;
    this.#trials = choices.batches.map(() => ({ runs: 0, bestMs: Infinity }));
    this.#layout = choices.start;
    this.#state = choices.batches.length > 1 ? 'batches' : this.#waitOrDone();
  }

  get batchSize(): number {
    return this.#batches[this.#batch] ?? 1;
  }

  get layout(): Layout {
    return this.#layout;
  }

  get settled(): boolean {
    return this.#state === 'done';
  }

  /** Tells of a batch that has been through the encoder. */
  encoded(rows: number, milliseconds: number, nowMs: number = performance.now()): void {
    this.#encoderMs += milliseconds;
    const since = nowMs - (this.#lastMs ?? nowMs);
    this.#busyMs += Math.max(milliseconds, since <= PAUSE_MS ? since : 0);
    this.#lastMs = nowMs;
    if (this.#state === 'batches') this.#encodedBatch(rows, milliseconds);
    if (this.#state === 'wait' && this.#busyMs >= LONG_MS) this.#beginLayouts();
    else if (this.#state === 'layouts') this.#encodedLayout(rows, nowMs);
  }

  #encodedBatch(rows: number, milliseconds: number): void {
    const trial = this.#trials[this.#batches.indexOf(rows)];
    // Batches with failures in them, and the last of a call, are smaller than what is tried.
    if (trial !== undefined && ++trial.runs > 1) {
      trial.bestMs = Math.min(trial.bestMs, (milliseconds + HAND_OVER_MS) / rows);
    }
    const enough = (this.#trials[this.#batch]?.runs ?? 0) >= RUNS_PER_BATCH;
    const { bestMs } = this.#trials[this.#batch] ?? { bestMs: Infinity };
    // Handing over costs next to nothing here: a larger batch could only take more memory.
    const dear = HAND_OVER_MS / this.batchSize > (1 - WORTH) * bestMs;
    const last = !dear || this.#batch + 1 === this.#batches.length;
    if (this.#encoderMs >= BATCHES_MS || (enough && last)) this.#endBatches();
    else if (enough) this.#batch++;
  }

  #endBatches(): void {
    let best = 0;
    this.#trials.forEach(({ bestMs }, at) => {
      if (bestMs < (this.#trials[best]?.bestMs ?? Infinity) * WORTH) best = at;
    });
    this.#batch = best;
    this.#state = this.#waitOrDone();
  }

  #waitOrDone(): 'wait' | 'done' {
    const [first, ...others] = this.#layouts;
    return others.length === 0 && (first === undefined || isSame(first, this.#layout)) ? 'done' : 'wait';
  }

  #beginLayouts(): void {
    this.#take(0);
    this.#state = this.#layouts.length > 1 ? 'layouts' : 'done';
  }

  #encodedLayout(rows: number, nowMs: number): void {
    if (this.#changing) return;
    // Time runs from the first batch under a layout.
    if (this.#layoutBegan === null) {
      this.#layoutBegan = nowMs;
      this.#layoutRows = 0;
      return;
    }
    this.#layoutRows += rows;
    const elapsed = nowMs - this.#layoutBegan;
    if (elapsed < LAYOUT_MS) return;
    this.#rates.push(this.#layoutRows / elapsed);
    this.#layoutBegan = null;
    if (this.#rates.length < this.#layouts.length) {
      this.#take(this.#rates.length);
      return;
    }
    let best = 0;
    this.#rates.forEach((rate, at) => {
      if (rate * WORTH > (this.#rates[best] ?? 0)) best = at;
    });
    this.#take(best);
    this.#state = 'done';
  }

  #take(at: number): void {
    const before = this.#layout;
    this.#layout = this.#layouts[at] ?? before;
    const { threads, sessions } = this.#layout;
    if (threads === before.threads && sessions === before.sessions) return;
    // What the old sessions still encode, and the time that the new ones take to open, does not count.
    this.#changing = true;
    void this.#onLayout(this.#layout).finally(() => {
      this.#changing = false;
    });
  }
}

function isSame(a: Layout, b: Layout): boolean {
  return a.sessions === b.sessions && a.threads === b.threads && a.workers === b.workers;
}
