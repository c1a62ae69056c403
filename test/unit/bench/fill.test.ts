import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { main } from '#diptych/bench/main.js';
import { fillMarkers } from '#diptych/bench/report/markdown.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diptych-fill-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('tables replace what is between the lines, and a mention of the marker is no line', async () => {
  const page = join(folder, 'page.md');
  const before = 'The lines `<!-- bench:tables -->` mark it.\n\n<!-- bench:tables -->\nold\n';
  await writeFile(page, `${before}<!-- /bench:tables -->\nbelow\n`);
  await fillMarkers(page, 'tables', 'new\n');
  expect(await readFile(page, 'utf8')).toBe(
    'The lines `<!-- bench:tables -->` mark it.\n\n<!-- bench:tables -->\nnew\n\n<!-- /bench:tables -->\nbelow\n',
  );
  await expect(fillMarkers(page, 'ratios', 'new')).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

describe('figures of a text', () => {
  const page = (figures: readonly string[]): string =>
    `${figures.map((figure, i) => `It is [${figure}][f${String(i)}]. `).join('')}\n\n` +
    `[f0]: results/bench/results/r.json 'a: b: diptych'\n[f1]: results/bench/results/r.json "a: b: diptych, fast / peer"\n` +
    `[f2]: results/bench/results/r.json 'a: b: diptych as a share of peak, interval'\n[other]: https://example.org 'a: b'\n`;

  test('each is the one of its record that the title of its link names', async () => {
    const file = join(folder, 'page.md');
    const record = join(folder, 'results', 'bench', 'results', 'r.json');
    await mkdir(join(folder, 'results', 'bench', 'results'), { recursive: true });
    const result = (subject: string, unit: string, values: readonly number[]) => ({
      suite: 's',
      case: 'a: b',
      subject,
      unit,
      values,
      median: values[0],
    });
    const share = {
      case: 'a: b',
      kind: 'share',
      of: 'diptych',
      over: 'peak',
      value: 0.5,
      interval: [0.4, 0.61],
    };
    const results = [
      result('diptych', 'images/s', [1234, 1234]),
      result('diptych, fast', 'images/s', [300, 330]),
      result('peer', 'images/s', [100, 110]),
      result('peak', 'GFLOP/s', [7, 7]),
    ];
    await writeFile(record, JSON.stringify({ machine: {}, results, ratios: [share] }));
    await writeFile(file, page(['1', '2', '3']));
    const before = await readFile(file, 'utf8');
    expect(await main(['fill', '--again', file], null)).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(page(['1,230', '3.00', '0.40 to 0.61']));

    for (const missing of ['a: b: nobody', 'a: b: diptych / peak', 'c: diptych']) {
      await writeFile(file, before.replace("a: b: diptych'", `${missing}'`));
      expect(await main(['fill', '--again', file], null)).toBe(2);
    }
  });
});
