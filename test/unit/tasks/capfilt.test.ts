import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DiptychError } from '#diptych/errors.js';
import { capFilt, capFiltPair, type CapFiltModels, type WebPair } from '#diptych/tasks/capfilt.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capfilt-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Captions with the seed in them; a text matches when it holds the content's name. */
const stubs: CapFiltModels = {
  caption: (content, seed) =>
    content === 'broken.jpg'
      ? Promise.reject(new DiptychError('IMAGE_TRUNCATED', 'it ends early'))
      : Promise.resolve(content === 'dull.jpg' ? 'noise' : `made of ${String(content)} ${String(seed)}`),
  judge: (content, text) => Promise.resolve(text.includes(String(content)) ? 0.9 : 0.5),
};
const pair = (name: string, text: string | null): WebPair => ({ image: name, content: name, text });

describe('the truth table', () => {
  test.each([
    ['both pass', pair('a.jpg', 'see a.jpg'), ['see a.jpg', 'made of a.jpg 3']],
    ['only the synthetic one passes', pair('a.jpg', 'buy now'), ['made of a.jpg 3']],
    ['only the web one passes', pair('dull.jpg', 'dull.jpg it is'), ['dull.jpg it is']],
    ['neither passes (the threshold itself is not above it)', pair('dull.jpg', 'x'), []],
    ['no web text', pair('a.jpg', null), ['made of a.jpg 3']],
    ['a web text of blanks', pair('a.jpg', '  '), ['made of a.jpg 3']],
    ['the same words twice', pair('a.jpg', 'made of a.jpg 3'), ['made of a.jpg 3']],
  ])('%s', async (_, given, expected) => {
    const record = await capFiltPair(given, stubs, 3, 0.5);
    if ('error' in record) throw new Error(record.error.message);
    expect(record.caption).toEqual(expected);
    for (const { probability, kept } of record.judged) expect(kept).toBe(probability > 0.5);
  });
});

test('a run that was stopped goes on to the same file', async () => {
  const pairs = ['a', 'b', 'broken', 'dull', 'c', 'd'].map((name) => pair(`${name}.jpg`, `text of ${name}`));
  const whole = join(folder, 'whole.jsonl');
  const summary = await capFilt(pairs, stubs, whole, { seed: 10 });
  expect(summary).toEqual({ pairs: 6, resumed: 0, failed: 1, keptWeb: 0, keptSynthetic: 4, dropped: 1 });
  const text = await readFile(whole, 'utf8');
  const [first = '', ...rest] = text.split('\n');
  expect(JSON.parse(rest[1] ?? '')).toMatchObject({
    image: 'broken.jpg',
    error: { code: 'IMAGE_TRUNCATED' },
  });

  const resumed = join(folder, 'resumed.jsonl');
  for (const cut of [0, first.length + 1, first.length + 30, text.length - 5, text.length]) {
    await writeFile(resumed, text.slice(0, cut));
    const again = await capFilt(pairs, stubs, resumed, { seed: 10 });
    expect(await readFile(resumed, 'utf8')).toBe(text);
    expect({ ...again, resumed: 0 }).toEqual(summary);
  }
  const stop = new AbortController();
  const onProgress = (done: number): void => {
    if (done === 3) stop.abort();
  };
  const aborted = join(folder, 'aborted.jsonl');
  await expect(
    capFilt(pairs, stubs, aborted, { seed: 10, signal: stop.signal, onProgress }),
  ).rejects.toMatchObject({
    code: 'ABORTED',
  });
  expect(await capFilt(pairs, stubs, aborted, { seed: 10 })).toEqual({ ...summary, resumed: 3 });
  expect(await readFile(aborted, 'utf8')).toBe(text);
});

test('a file of other pairs, a bad threshold, and models that cannot', async () => {
  const file = join(folder, 'x.jsonl');
  await capFilt([pair('a.jpg', null)], stubs, file);
  await expect(capFilt([pair('b.jpg', null)], stubs, file)).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
  await expect(capFilt([], stubs, file, { threshold: 2 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  const unable = {
    ...stubs,
    caption: () => Promise.reject(new DiptychError('MODEL_UNSUPPORTED', 'no captions')),
  };
  await expect(capFiltPair(pair('a.jpg', null), unable, 0, 0.5)).rejects.toMatchObject({
    code: 'MODEL_UNSUPPORTED',
  });
});
