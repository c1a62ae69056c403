import { DiptychError } from '../../errors.js';

/** MetaCLIP's balancing: every entry of the tail is kept, one of the head with probability t / count. */

/** Positions of the entries that a text matches, ascending. */
export type EntryIds = readonly number[] | Int32Array;

/** How many texts match each entry. */
export function countEntries(matches: Iterable<EntryIds>, entries: number): Float64Array {
  const counts = new Float64Array(entries);
  for (const ids of matches) {
    for (const id of ids) {
      if (!Number.isSafeInteger(id) || id < 0 || id >= entries) {
        throw new DiptychError('BAD_INPUT', `there is no entry ${String(id)} of ${String(entries)}`, {
          input: 'matches',
        });
      }
      counts[id] = (counts[id] ?? 0) + 1;
    }
  }
  return counts;
}

function checkT(t: number): void {
  if (Number.isFinite(t) && t > 0) return;
  throw new DiptychError('BAD_OPTION', `expected a positive number of texts, got ${String(t)}`, {
    input: 't',
  });
}

/** Probability of each entry: 1 up to t matches, then t / count. */
export function entryProbabilities(counts: Float64Array, t: number): Float64Array {
  checkT(t);
  return counts.map((count) => t / Math.max(count, t));
}

/** MetaCLIP 1: a text is kept as soon as one of its entries, in order, draws below its probability. */
export function keepsAny(ids: EntryIds, probabilities: Float64Array, random: () => number): boolean {
  for (const id of ids) {
    if (random() < (probabilities[id] ?? 0)) return true;
  }
  return false;
}

/** MetaCLIP 2: one draw a pair against the probability that any of its entries keeps it. */
export function keepsPair(ids: EntryIds, probabilities: Float64Array, random: () => number): boolean {
  let none = 1;
  for (const id of ids) none *= 1 - (probabilities[id] ?? 0);
  return !(1 - none < random());
}

/**
 * MetaCLIP 1's form for shards: all (entry, text) pairs draw at once, in order; a text with any success is kept.
 * Gives the positions of the texts kept, ascending.
 */
export function keepsOfShard(
  matches: readonly EntryIds[],
  probabilities: Float64Array,
  random: () => number,
): number[] {
  return matches.flatMap((ids, text) => {
    let kept = false;
    for (const id of ids) kept = random() < (probabilities[id] ?? 0) || kept;
    return kept ? [text] : [];
  });
}

/** The share of all matches that entries below t have (the tail). */
export function tailShare(counts: Float64Array, t: number): number {
  let tail = 0;
  let all = 0;
  for (const count of counts) {
    all += count;
    if (count < t) tail += count;
  }
  return tail / all;
}

/** The threshold at which the tail's share is nearest to `share`: how MetaCLIP 2 carries English's t to a language. */
export function thresholdForShare(counts: Float64Array, share: number): number {
  if (counts.length === 0)
    throw new DiptychError('BAD_INPUT', 'expected at least one count', { input: 'counts' });
  const sorted = Float64Array.from(counts).sort();
  const all = sorted.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  let nearest = 0;
  let distance = Infinity;
  sorted.forEach((count, at) => {
    sum += count;
    const gap = Math.abs(sum / all - share);
    if (gap < distance) {
      distance = gap;
      nearest = at;
    }
  });
  return sorted[nearest] ?? 0;
}
