import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '#diptych/bench/host.js';
import { parseReport } from '#diptych/bench/records.js';
import { htmlReport } from '#diptych/bench/report/html.js';

const record = join(packageRoot, 'bench', 'results', '2026-11-22-resize.json');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diptych-html-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the HTML report', () => {
  test('every case stands once above its rows, every chart has its data, nothing comes from outside', async () => {
    const report = parseReport(await readFile(record, 'utf8'), record);
    const [first] = report.results;
    if (first === undefined) throw new Error('the record is empty');
    const hostile = { ...first, case: '</script><b>', subject: '"&"' };
    const page = await htmlReport({ ...report, results: [...report.results, hostile] });
    for (const name of new Set(report.results.map((one) => one.case))) {
      // Above the figures and above the ratios.
      expect(page.split(`<span>${name.replaceAll('>', '&gt;')}</span>`)).toHaveLength(3);
    }
    expect(page).toContain('<span>&lt;/script&gt;&lt;b&gt;</span>');
    expect(page).toContain('\\u003c/script>\\u003cb>');
    const canvases = [...page.matchAll(/<canvas id="([^"]+)">/g)].map(([, id]) => id);
    expect(canvases.length).toBeGreaterThan(0);
    for (const id of canvases) expect(page).toContain(`"id":"${String(id)}"`);
    expect(page).not.toMatch(/(?:src|href)="/);
    expect(page.match(/<script>/g)).toHaveLength(2);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
  });
});

describe('sub-commands of bench have flags of their own, of the same names as those of bench', () => {
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [join(packageRoot, 'dist', 'cli', 'main.js'), 'bench', ...args], {
      encoding: 'utf8',
    });

  test('report --html writes the page', async () => {
    const page = join(folder, 'page.html');
    expect(run('report', record, '--html', page)).toBe('');
    expect(await readFile(page, 'utf8')).toContain('<h2>resize</h2>');
  });

  test('compare --json prints JSON', () => {
    expect(JSON.parse(run('compare', record, record, '--json'))).toMatchObject({ regressions: 0 });
  });
});
