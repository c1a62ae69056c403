import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '#diptych/bench/host.js';
import { parseReport } from '#diptych/bench/records.js';
import { markdownHeadlines } from '#diptych/bench/report/headlines.js';
import { markdownReport } from '#diptych/bench/report/markdown.js';

interface Block {
  readonly page: string;
  readonly name: string;
  readonly text: string;
}

const pages = ['README.md', ...readdirSync(join(packageRoot, 'docs')).map((name) => join('docs', name))];

const blocks: readonly Block[] = pages
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) => {
    const text = readFileSync(join(packageRoot, page), 'utf8');
    return [...text.matchAll(/^<!-- bench:(\S+) -->$([\s\S]*?)^<!-- \/bench:\1 -->$/gm)].map(
      ([, name = '', inside = '']) => ({ page, name, text: inside }),
    );
  });

/** What the formatter of Markdown may do: pad cells, lengthen rules. */
const plain = (text: string): string =>
  text
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\n{2,}/g, '\n')
    .trim();

/** The tables of the records that a block names, as `diptych bench fill` writes them. */
function filled({ name, text }: Block): string {
  const files = [...text.matchAll(/^(?:From |- )`(bench\/results\/[^`]+\.json)`:/gm)].map(
    ([, file = '']) => file,
  );
  const sources = files.map((file) => ({
    file,
    report: parseReport(readFileSync(join(packageRoot, file), 'utf8'), file),
  }));
  if (name === 'headlines') return markdownHeadlines(sources);
  return sources.map(({ file, report }) => markdownReport(report, file)).join('\n');
}

describe('tables of figures', () => {
  test('README and docs/benchmarks.md have some', () => {
    expect(new Set(blocks.map(({ page }) => page))).toEqual(
      new Set(['README.md', join('docs', 'benchmarks.md')]),
    );
  });

  test.each(blocks)('$page: $name is what its record says', (block) => {
    expect(plain(block.text)).toBe(plain(filled(block)));
    expect(plain(block.text)).toMatch(/\d/);
  });
});
