import { applyRules, argmax, logSoftmax, sample, type Sampling, type ScoreRules } from './scores.js';

/** A text that a search came to. */
export interface Found {
  /** Prompt and end token included. */
  readonly ids: readonly number[];
  /** Sum of log-probabilities over the tokens made, by their number (to the length penalty); null for sampling. */
  readonly score: number | null;
}

/**
 * One image's search for a text. The driver runs the decoder on `sequences`, hands the last position's logits of
 * each to `advance`, and learns there which row each next sequence goes on from.
 */
export interface Search {
  /** Running sequences, all of one length; empty when the search is over. */
  readonly sequences: readonly (readonly number[])[];
  /** Takes a row of logits per sequence; gives, for each of the next `sequences`, the row it goes on from. */
  advance(logits: readonly Float32Array[]): number[];
  result(): Found;
}

export interface Lengths {
  /** Most tokens, prompt included. */
  readonly maxLength: number;
}

/** The most likely token at every step (greedy), or a drawn one (`sampling`). */
export class SingleSearch implements Search {
  readonly #rules: ScoreRules;
  readonly #maxLength: number;
  readonly #sampling: (Sampling & { readonly random: () => number }) | null;
  readonly #ids: number[];
  readonly #promptLength: number;
  #sum = 0;
  #over: boolean;

  constructor(
    prompt: readonly number[],
    rules: ScoreRules,
    { maxLength }: Lengths,
    sampling: (Sampling & { readonly random: () => number }) | null,
  ) {
    this.#ids = [...prompt];
    this.#promptLength = prompt.length;
    this.#rules = rules;
    this.#maxLength = maxLength;
    this.#sampling = sampling;
    this.#over = prompt.length >= maxLength;
  }

  get sequences(): readonly (readonly number[])[] {
    return this.#over ? [] : [this.#ids];
  }

  advance(logits: readonly Float32Array[]): number[] {
    const row = logits[0];
    if (row === undefined) return [];
    const scores = Float32Array.from(row);
    applyRules(scores, this.#ids, this.#rules);
    const id =
      this.#sampling === null ? argmax(scores) : sample(scores, this.#sampling, this.#sampling.random());
    this.#sum += logSoftmax(row)[id] ?? 0;
    this.#ids.push(id);
    this.#over = id === this.#rules.eosId || this.#ids.length >= this.#maxLength;
    return this.#over ? [] : [0];
  }

  result(): Found {
    const made = this.#ids.length - this.#promptLength;
    return { ids: this.#ids, score: this.#sampling === null && made > 0 ? this.#sum / made : null };
  }
}
