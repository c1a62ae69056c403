/**
 * What happens to a row of logits before a token is chosen, as transformers' generate() does it
 * (transformers/generation/logits_process.py). Everything is rounded to float32 where PyTorch does.
 */

// Bound once: looking a global up again for every token of a vocabulary costs more than the arithmetic.
const { exp, log } = Math;
/** The score of what must not come. */
const NEVER = -Infinity;

/** Rules that forbid or discourage tokens. */
export interface ScoreRules {
  /** Ids that end a text. */
  readonly eosId: number;
  /** No end before this many tokens, prompt included. */
  readonly minLength: number;
  /** 1 does nothing; above it, tokens that are there already become less likely (CTRL, Keskar et al. 2019). */
  readonly repetitionPenalty: number;
  /** 0 does nothing; n forbids every token that would repeat a run of n tokens. */
  readonly noRepeatNgram: number;
}

/** log(softmax(logits)), a new array. */
export function logSoftmax(logits: Float32Array): Float32Array {
  let most = NEVER;
  // Plain loops: a vocabulary is walked once per step and beam, and iterators cost several times as much.
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? NEVER;
    if (logit > most) most = logit;
  }
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += exp((logits[i] ?? NEVER) - most);
  const shift = most + log(sum);
  const result = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i++) result[i] = (logits[i] ?? 0) - shift;
  return result;
}

function forbidRepeats(scores: Float32Array, sequence: readonly number[], n: number): void {
  const from = sequence.length - n + 1;
  if (from < 0) return;
  const tail = sequence.slice(from);
  for (let start = 0; start + n <= sequence.length; start++) {
    const next = sequence[start + n - 1];
    if (next !== undefined && tail.every((id, at) => id === sequence[start + at])) scores[next] = NEVER;
  }
}

/** Applies the rules to a row of scores, in place. */
export function applyRules(scores: Float32Array, sequence: readonly number[], rules: ScoreRules): void {
  if (rules.repetitionPenalty !== 1) {
    for (const id of new Set(sequence)) {
      const score = scores[id] ?? 0;
      scores[id] = score < 0 ? score * rules.repetitionPenalty : score / rules.repetitionPenalty;
    }
  }
  if (rules.noRepeatNgram > 0) forbidRepeats(scores, sequence, rules.noRepeatNgram);
  if (sequence.length < rules.minLength) scores[rules.eosId] = NEVER;
}

/** Index of the largest score; the lower one where two are equal. */
export function argmax(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? NEVER) > (scores[best] ?? NEVER)) best = i;
  return best;
}

export interface Sampling {
  readonly temperature: number;
  /** Only the k most likely tokens; 0 for all. */
  readonly topK: number;
  /** Only the most likely tokens that together reach this probability (nucleus sampling, Holtzman et al. 2020). */
  readonly topP: number;
}

/**
 * Draws a token: temperature, then the k most likely, then the nucleus, then the first token, in the vocabulary's
 * order, at which the sum of the probabilities exceeds `random` (0 <= random < 1).
 */
export function sample(scores: Float32Array, { temperature, topK, topP }: Sampling, random: number): number {
  const warm = scores.map((score) => score / temperature);
  const kth = topK > 0 && topK < warm.length ? largest(warm, topK)[topK - 1]?.score : undefined;
  const kept: number[] = [];
  for (let id = 0; id < warm.length; id++) {
    const score = warm[id] ?? NEVER;
    // Equals of the k-th stay, as in transformers.
    if (score > NEVER && score >= (kth ?? NEVER)) kept.push(id);
  }
  kept.sort((a, b) => (warm[b] ?? 0) - (warm[a] ?? 0) || a - b);
  const most = warm[kept[0] ?? 0] ?? 0;
  const weights = kept.map((id) => exp((warm[id] ?? NEVER) - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // From the least likely up: a token goes while the sum up to and with it is at most 1 - p.
  let below = 0;
  let last = kept.length - 1;
  for (; topP < 1 && last > 0; last--) {
    below += (weights[last] ?? 0) / total;
    if (below > 1 - topP) break;
  }
  const nucleus = kept.slice(0, last + 1).map((id, at) => ({ id, weight: weights[at] ?? 0 }));
  const mass = nucleus.reduce((sum, { weight }) => sum + weight, 0);
  nucleus.sort((a, b) => a.id - b.id);
  let reached = 0;
  for (const { id, weight } of nucleus) {
    reached += weight / mass;
    if (random < reached) return id;
  }
  return nucleus[nucleus.length - 1]?.id ?? 0;
}

export interface Ranked {
  readonly index: number;
  readonly score: number;
}

/** The k largest scores, largest first, the lower index where two are equal; `offset` is added to the indices. */
export function largest(scores: ArrayLike<number>, k: number, offset = 0): Ranked[] {
  const found: Ranked[] = [];
  let least = NEVER;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? NEVER;
    if (found.length === k && score <= least) continue;
    let at = found.length;
    while (at > 0 && (found[at - 1]?.score ?? 0) < score) at--;
    found.splice(at, 0, { index: offset + i, score });
    if (found.length > k) found.pop();
    least = found[found.length - 1]?.score ?? NEVER;
  }
  return found;
}
