import { applyRules, largest, logSoftmax, type ScoreRules } from './scores.js';
import type { Found, Lengths, Search } from './search.js';

/** transformers' "worse than anything": with float32 a sum with it forgets the other term, as it does there. */
const WORST = -1e9;

const { fround } = Math;

interface Running {
  readonly ids: readonly number[];
  readonly score: number;
}

interface Finished extends Running {
  readonly finished: boolean;
}

export interface BeamOptions extends Lengths {
  readonly beams: number;
  /** Exponent of the length that a sum is divided by: above 0 favours long texts, below it short ones. */
  readonly lengthPenalty: number;
  /** true: stop at `beams` finished texts; false: when none running can become better by its present length. */
  readonly earlyStopping: boolean;
}

/**
 * Beam search as transformers' generate() (GenerationMixin._beam_search): of the 2n best continuations, those that
 * end and rank among the first n are kept as finished; the first n that do not end go on.
 */
export class BeamSearch implements Search {
  readonly #rules: ScoreRules;
  readonly #options: BeamOptions;
  readonly #promptLength: number;
  #running: Running[];
  #finished: Finished[];
  #over: boolean;

  constructor(prompt: readonly number[], rules: ScoreRules, options: BeamOptions) {
    this.#rules = rules;
    this.#options = options;
    this.#promptLength = prompt.length;
    // All beams start from the prompt: only the first may count, or the n best would be one text n times.
    this.#running = Array.from({ length: options.beams }, (_, beam) => ({
      ids: prompt,
      score: beam === 0 ? 0 : WORST,
    }));
    this.#finished = this.#running.map(() => ({ ids: prompt, score: WORST, finished: false }));
    this.#over = prompt.length >= options.maxLength;
  }

  get sequences(): readonly (readonly number[])[] {
    if (this.#over) return [];
    // Before the first token all beams are one sequence: the decoder need not run it n times.
    const first = this.#running[0];
    if (first !== undefined && first.ids.length === this.#promptLength) return [first.ids];
    return this.#running.map(({ ids }) => ids);
  }

  advance(logits: readonly Float32Array[]): number[] {
    const { beams, maxLength, lengthPenalty, earlyStopping } = this.#options;
    const { eosId } = this.#rules;
    let vocabulary = 0;
    const ranked = this.#running.flatMap(({ ids, score }, beam) => {
      const scores = logSoftmax(logits[beam] ?? logits[0] ?? new Float32Array(0));
      applyRules(scores, ids, this.#rules);
      // Added in float32, as there: far below (WORST) this makes all tokens equal.
      for (let id = 0; id < scores.length; id++) scores[id] = (scores[id] ?? 0) + score;
      vocabulary = scores.length;
      return largest(scores, 2 * beams, beam * vocabulary);
    });
    ranked.sort((a, b) => b.score - a.score || a.index - b.index);
    const best = ranked.slice(0, 2 * beams).map(({ index, score }) => {
      const parent = Math.floor(index / vocabulary);
      const ids = [...(this.#running[parent]?.ids ?? []), index % vocabulary];
      return { ids, score, parent, ends: ids[ids.length - 1] === eosId || ids.length >= maxLength };
    });
    const made = (best[0]?.ids.length ?? 0) - this.#promptLength;

    const next = largest(
      best.map(({ score, ends }) => fround(score + (ends ? WORST : 0))),
      beams,
    );
    const full = earlyStopping && this.#finished.every(({ finished }) => finished);
    const candidates = best.map(({ ids, score, ends }, rank): Finished => {
      const finished = ends && rank < beams;
      let scaled = fround(score / made ** lengthPenalty);
      if (full) scaled = fround(scaled + WORST);
      if (!finished) scaled = fround(scaled + WORST);
      return { ids, score: scaled, finished };
    });
    const merged = [...this.#finished, ...candidates];
    this.#finished = largest(
      merged.map(({ score }) => score),
      beams,
    ).flatMap(({ index }) => merged[index] ?? []);
    this.#running = next.flatMap(({ index, score }) => {
      const chosen = best[index];
      return chosen === undefined ? [] : [{ ids: chosen.ids, score }];
    });
    this.#over = this.#isOver(
      made,
      best.every(({ ends }) => ends),
    );
    if (this.#over) return [];
    return next.map(({ index }) => {
      const parent = best[index]?.parent ?? 0;
      return parent < logits.length ? parent : 0;
    });
  }

  #isOver(made: number, allEnd: boolean): boolean {
    if (allEnd) return true;
    const { lengthPenalty, earlyStopping } = this.#options;
    if (earlyStopping && this.#finished.every(({ finished }) => finished)) return true;
    const possible = fround((this.#running[0]?.score ?? WORST) / made ** lengthPenalty);
    const worst = this.#finished.reduce((least, { score }) => Math.min(least, score), Infinity);
    return !this.#finished.some(({ finished }) => possible > (finished ? worst : WORST));
  }

  result(): Found {
    const best = this.#finished[0];
    return { ids: best?.ids ?? [], score: best?.finished === true ? best.score : null };
  }
}
