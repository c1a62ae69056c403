import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

  test('wrong suites, models, folders and filters are told at once', () => {
    expect(() => bench(['preproces'])).toThrow(/did you mean preprocess/);
    expect(() => bench(['embed', '--model', 'no/such/folder/'])).toThrow(/MODEL_NOT_FOUND/);
    expect(() => bench(['preprocess', '--images', 'no/such/folder'])).toThrow(
      /INPUT_NOT_FOUND.*no such folder/,
    );
    expect(() => bench(['machine', '--filter', 'nothing of the kind'])).toThrow(/BAD_OPTION.*fp32/);
  });

  test("a user's model without a text tower, and photos of which one is broken", () => {
    const folder = mkdtempSync(join(tmpdir(), 'diptych-bench-test-'));
    try {
      const [model, images] = [join(folder, 'image-only'), join(folder, 'photos')];
      const mini = join(packageRoot, 'models', 'diptych-mini');
      mkdirSync(join(model, 'onnx'), { recursive: true });
      for (const name of readdirSync(mini).filter((one) => one !== 'onnx'))
        symlinkSync(join(mini, name), join(model, name));
      for (const name of readdirSync(join(mini, 'onnx')).filter((one) => one.startsWith('vision')))
        symlinkSync(join(mini, 'onnx', name), join(model, 'onnx', name));
      mkdirSync(images);
      const photo = readFileSync(join(packageRoot, 'bench', 'data', 'coffee-640x480.jpg'));
      writeFileSync(join(images, 'broken.jpg'), photo.subarray(0, 2000));
      writeFileSync(join(images, 'whole.jpg'), photo);
      const flags = [
        '--smoke',
        '--no-peers',
        '--quiet',
        '--json',
        '--threads',
        '2',
        '--model',
        model,
        '--images',
        images,
      ];
      const text = bench(['tokenize', 'encoder', 'embed', ...flags]);
      const { results, absent } = parseReport(text, 'standard output');
      const measured = results.filter(({ role }) => role === 'own');
      expect(measured.map(({ suite }) => suite)).toContain('encoder');
      expect(measured.map((one) => one.case)).toContain(`${model}: images, 2 threads`);
      expect(absent.filter(({ kind }) => kind === 'failed')).toEqual([]);
      expect(absent.map(({ suite, reason }) => `${suite}: ${reason}`)).toEqual([
        'tokenize: this model has no text tower',
        'encoder: this model has no text tower',
        expect.stringMatching(/^embed: IMAGE_TRUNCATED: /),
        'embed: this model has no text tower',
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
});
