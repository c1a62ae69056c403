import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseReport } from '#diptych/bench/records.js';
import { suiteNames } from '#diptych/bench/run.js';
import { packageRoot } from '#diptych/bench/host.js';

/** In a process of its own, as users run it; without peers, so that the result is the same everywhere. */
function bench(args: readonly string[]): string {
  return execFileSync(process.execPath, [join(packageRoot, 'dist', 'cli', 'main.js'), 'bench', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 26,
  });
}

describe('diptych bench --smoke', () => {
  test('every suite runs and its own subjects agree with their references', () => {
    const folder = mkdtempSync(join(tmpdir(), 'diptych-bench-test-'));
    try {
      const out = join(folder, 'results.json');
      const printed = bench(['--smoke', '--no-peers', '--quiet', '--json', '--out', out]);
      const report = parseReport(readFileSync(out, 'utf8'), out);
      expect(JSON.parse(printed)).toEqual(report);
      // A subject whose result is wrong is listed here, with the distance that was found.
      expect(report.absent).toEqual([]);
      expect([...new Set(report.results.map((one) => one.suite))].sort()).toEqual([...suiteNames].sort());
      for (const result of report.results) {
        expect(result.samples).toBeGreaterThan(0);
        expect(result.values).toHaveLength(result.samples);
        expect(Number.isFinite(result.median)).toBe(true);
      }
      expect(report.ratios.every((one) => one.met === null)).toBe(true);
      expect(bench(['compare', out, out])).toContain('0 slower');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 300_000);

  test('a wrong suite is wrong usage, with the near name', () => {
    expect(() => bench(['preproces'])).toThrow(/did you mean preprocess/);
  });
});
