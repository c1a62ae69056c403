import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '#diptych/bench/host.js';
import { parseReport, type BenchReport } from '#diptych/bench/records.js';
import { BLOCK, FIGURE, refreshPage } from '#diptych/bench/report/pages.js';

const markdown = (folder: string): string[] =>
  readdirSync(join(packageRoot, folder), { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join(folder, name));

const pages = ['README.md', ...markdown('docs'), ...markdown('bench')].map((page) => ({
  page,
  text: readFileSync(join(packageRoot, page), 'utf8'),
}));

const records = new Map<string, BenchReport>();
function load(file: string): Promise<BenchReport> {
  const report = records.get(file) ?? parseReport(readFileSync(file, 'utf8'), file);
  records.set(file, report);
  return Promise.resolve(report);
}

/** What the formatter of Markdown may do: pad cells, lengthen rules. */
const plain = (text: string): string =>
  text
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\n{2,}/g, '\n')
    .trim();

describe('figures of the pages', () => {
  test('README and docs/benchmarks.md have tables of records', () => {
    const filled = pages.filter(({ text }) => text.matchAll(BLOCK).next().done === false);
    expect(filled.map(({ page }) => page)).toEqual(['README.md', join('docs', 'benchmarks.md')]);
    for (const { text } of filled)
      for (const [, , inside] of text.matchAll(BLOCK)) expect(inside).toMatch(/\d/);
  });

  test.each(pages)(
    '$page says what its records say (bench fill --again, then prettier)',
    async ({ page, text }) => {
      expect(plain(await refreshPage(text, join(packageRoot, page), packageRoot, load))).toBe(plain(text));
    },
  );
});

/** A number with a unit of speed, time, memory or share, or a comparison of speeds in words. */
const MEASURED = new RegExp(
  [
    String.raw`(?<![\w.-])\d[\d,.]*\s*(?:` +
      [
        String.raw`(?:(?:images|photos|texts|captions|queries|rows|pairs|vectors|tokens)\s*)?(?:\/s\b|\b(?:a|per) second\b)`,
        String.raw`(?:[GT]FLOP|[GM]B|bytes)\/s`,
        String.raw`(?:ms|µs|ns|s|seconds?|minutes?|hours?)\b`,
        String.raw`[kMGT]i?B\b`,
        '%',
        String.raw`times (?:as|the|faster|slower|longer|less|more|this|that)\b`,
        String.raw`-?fold\b`,
      ].join('|') +
      ')',
    String.raw`\b(?:twice|(?:two|three|four|five|six|eight|ten)(?:fold| times)) (?:as|the)\b`,
    String.raw`\ba (?:half|third|quarter|fifth|tenth) (?:faster|slower|of the (?:time|speed|memory))`,
  ].join('|'),
  'g',
);

/** Where a figure comes from: a record, or a command that measures it there and then. */
const SOURCE =
  /bench\/results\/\S+\.json|`(?:(?:diptych|node|python) [^`]*(?:bench|scripts|training|eval)|du )/;

/** What looks like a measured figure and is a rule, a setting, or arithmetic that the page shows. */
const STATED: Readonly<Record<string, readonly string[]>> = {
  'docs/architecture.md': ['20 ms'],
  'docs/benchmarks.md': [
    // The rules of measuring and comparing.
    ...['20 ms', '30 ms', '3 %', '5 %', '10 %', '95 %', '100 %'],
    // The size of an input.
    '3.5 MB',
  ],
  // Settings and their defaults.
  'docs/cli.md': ['256 MB', '128 MB', '384 MiB', '256 MiB', '64 MiB'],
  // Arithmetic from the numbers beside it.
  'docs/scale.md': [
    ...['3 GB', '100 TB', '1 GB/s', '28 hours', '2 TB', '1 TB', '205 MB', '2 GB/s', '500 seconds'],
    ...['604,800 s', '1,653 images/s', '20 images/s', '100 images/s', '1,000 images/s', '8,000 images/s'],
    '500 photos a second',
  ],
  // How the model was made.
  'docs/models/diptych-mini.md': ['1 %'],
};

/** Figures of a page that are neither filled in from a record, nor near their source, nor no measurement at all. */
function untraced(page: string, text: string): string[] {
  const prose = text
    .replaceAll(BLOCK, '')
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/^\[[^\]]+\]: .*$/gm, '')
    .replaceAll(FIGURE, '');
  const stated = STATED[page] ?? [];
  // Rows of tables and items of lists stand for themselves.
  const passages = prose.split(/\n\n+|\n(?=\s*[|]|\s*(?:-|\d+\.) )/);
  return passages.flatMap((passage) =>
    SOURCE.test(passage)
      ? []
      : [...passage.matchAll(MEASURED)]
          .map(([figure]) => figure.replaceAll(/\s+/g, ' '))
          .filter((figure) => !stated.includes(figure)),
  );
}

describe('figures without a source', () => {
  test.each(pages)('$page has none', ({ page, text }) => {
    expect(untraced(page.replaceAll('\\', '/'), text)).toEqual([]);
  });

  test('they are found in texts and tables', () => {
    const found = untraced(
      'docs/other.md',
      'It embeds 1,234 images/s,\nwhich is 1.8 times as fast and takes 3.5 ms, a fifth of the time, 12 % less.\n\n' +
        '| stage | 300 a second | 0.54 GB |\n\n- twice the speed\n',
    );
    expect(found).toEqual([
      ...['1,234 images/s', '1.8 times as', '3.5 ms', 'a fifth of the time', '12 %'],
      ...['300 a second', '0.54 GB', 'twice the'],
    ]);
  });

  test('a record, a command or a link beside a figure is a source', () => {
    for (const passage of [
      'It embeds [120][rate] images/s.\n\n[rate]: ../bench/results/r.json "case: diptych"\n',
      '120 images/s (`bench/results/r.json`)\n',
      '| 120 images/s | `python training/evaluate.py speed` |\n',
      '<!-- bench:tables -->\n120 images/s\n<!-- /bench:tables -->\n',
    ])
      expect(untraced('docs/other.md', passage)).toEqual([]);
  });
});
