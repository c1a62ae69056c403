import { describe, expect, test } from '@jest/globals';
import { countChanges, countInstructions, countsProgram, storedCounts } from '#diptych/bench/instructions.js';

/** Compilers of one major version differ this much in what they make of the same source. */
const TOLERANCE = 0.03;

const program = countsProgram();
const now = program === undefined ? null : await countInstructions(program, 'step');
const stored = now === null ? undefined : await storedCounts(now.compiler);
const why =
  program === undefined
    ? 'the counting program is not built'
    : now === null
      ? 'ptrace is not allowed here'
      : stored === undefined
        ? `no counts are stored for ${now.compiler}`
        : null;

describe('instructions of the kernels', () => {
  const check = why === null ? test : test.skip;
  check(`are no more than stored, within 3 %${why === null ? '' : ` (skipped: ${why})`}`, () => {
    if (now === null || stored === undefined) throw new Error('nothing was counted');
    expect(Object.keys(now.counts).length).toBeGreaterThan(0);
    // Fewer are an improvement; `node bench/counts.mjs --write` takes it over.
    expect(countChanges(stored, now, TOLERANCE).filter((one) => one.ratio > 1)).toEqual([]);
  });

  test('a kernel slowed by 10 % is told from one that is not', () => {
    const before = { compiler: 'gcc 12', counts: { a: 10_000, b: 20_000 } };
    const after = { compiler: 'gcc 12', counts: { a: 11_000, b: 20_100, c: 1 } };
    expect(countChanges(before, after, TOLERANCE)).toEqual([
      { name: 'a', stored: 10_000, now: 11_000, ratio: 1.1 },
    ]);
  });
});
