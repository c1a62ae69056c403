/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), with the two ways of seeding that curation scripts in
 * Python use, so that a run can be repeated on the same random numbers.
 */
const SIZE = 624;
const SHIFT = 397;

function seedOne(state: Uint32Array, seed: number): void {
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const previous = state[i - 1] ?? 0;
    state[i] = Math.imul(previous ^ (previous >>> 30), 1812433253) + i;
  }
}

/** Python's random.seed(int): the words of the integer, low first, are mixed into the state. */
function seedMany(state: Uint32Array, words: readonly number[]): void {
  seedOne(state, 19650218);
  let i = 1;
  let j = 0;
  const mixed = (at: number): number => {
    const previous = state[at - 1] ?? 0;
    return previous ^ (previous >>> 30);
  };
  const advance = (): void => {
    i++;
    if (i < SIZE) return;
    state[0] = state[SIZE - 1] ?? 0;
    i = 1;
  };
  for (let k = Math.max(SIZE, words.length); k > 0; k--) {
    state[i] = ((state[i] ?? 0) ^ Math.imul(mixed(i), 1664525)) + (words[j] ?? 0) + j;
    advance();
    j = (j + 1) % words.length;
  }
  for (let k = SIZE - 1; k > 0; k--) {
    state[i] = ((state[i] ?? 0) ^ Math.imul(mixed(i), 1566083941)) - i;
    advance();
  }
  state[0] = 0x80000000;
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const y = ((state[i] ?? 0) & 0x80000000) | ((state[(i + 1) % SIZE] ?? 0) & 0x7fffffff);
    state[i] = (state[(i + SHIFT) % SIZE] ?? 0) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}

/**
 * Uniform numbers in [0, 1) with 53 bits: the stream of Python's `random.seed(seed); random.random()` (`python`) or
 * of `numpy.random.seed(seed); numpy.random.random_sample()` (`numpy`, seeds up to 2^32 - 1).
 */
export function mersenne(seed: number, kind: 'python' | 'numpy' = 'python'): () => number {
  const state = new Uint32Array(SIZE);
  const whole = Math.abs(Math.trunc(seed));
  if (kind === 'numpy') seedOne(state, whole);
  else seedMany(state, whole < 2 ** 32 ? [whole] : [whole % 2 ** 32, Math.floor(whole / 2 ** 32)]);
  let at = SIZE;
  const word = (): number => {
    if (at === SIZE) {
      twist(state);
      at = 0;
    }
    let y = state[at++] ?? 0;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
  return () => {
    const high = word() >>> 5;
    const low = word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  };
}
