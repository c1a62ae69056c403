/** Small seeded generator (mulberry32): intervals must not differ between two readings of one file. */
export function randomGenerator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Linear interpolation between order statistics; NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * q;
  const low = sorted[Math.floor(position)] ?? Number.NaN;
  const high = sorted[Math.ceil(position)] ?? Number.NaN;
  return low + (high - low) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export type Interval = readonly [low: number, high: number];

const RESAMPLES = 1000;

/**
 * 95 % interval of a statistic of `count` draws, by the percentile bootstrap (Efron): `statistic` is given
 * the positions drawn, so that paired samples stay pairs.
 */
export function bootstrap(count: number, statistic: (draw: readonly number[]) => number, seed = 1): Interval {
  if (count === 0) return [Number.NaN, Number.NaN];
  const random = randomGenerator(seed);
  const found: number[] = [];
  for (let i = 0; i < RESAMPLES; i++) {
    const draw = Array.from({ length: count }, () => Math.floor(random() * count));
    found.push(statistic(draw));
  }
  return [quantile(found, 0.025), quantile(found, 0.975)];
}

const pick = (values: readonly number[], draw: readonly number[]): number[] =>
  draw.map((position) => values[position] ?? Number.NaN);

/** The 95 % interval of the median. */
export function medianInterval(values: readonly number[]): Interval {
  return bootstrap(values.length, (draw) => median(pick(values, draw)));
}

/**
 * Median of a[i] / b[i] with its interval: samples of one round ran next to each other, so what slows the
 * machine for a while falls out of the ratio.
 */
export function pairedRatio(
  a: readonly number[],
  b: readonly number[],
): { readonly value: number; readonly interval: Interval } {
  const count = Math.min(a.length, b.length);
  const ratios = Array.from({ length: count }, (_, i) => (a[i] ?? Number.NaN) / (b[i] ?? Number.NaN));
  return { value: median(ratios), interval: medianInterval(ratios) };
}
