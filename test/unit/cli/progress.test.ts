import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { duration, openProgress } from '#diptych/cli/progress.js';
import { score, shorten, table } from '#diptych/cli/table.js';

function lines(stream: PassThrough): string[] {
  const text: unknown = stream.read();
  return Buffer.isBuffer(text) ? text.toString().trim().split('\n') : [];
}

describe('progress', () => {
  test('json: a line per step and the last state at the end', () => {
    const stream = new PassThrough();
    const progress = openProgress('json', 'embed', stream);
    progress.total(100);
    progress.update({ done: 10, failed: 1, stages: { preprocess: 1, encode: 4 } });
    progress.update({ done: 20 });
    progress.end();
    const written = lines(stream).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(written[0]).toMatchObject({
      progress: 'embed',
      done: 10,
      total: 100,
      failed: 1,
      bottleneck: 'encode',
    });
    expect(written.at(-1)).toMatchObject({ done: 20 });
  });

  test('without a terminal, a short run prints nothing', () => {
    const stream = new PassThrough();
    const progress = openProgress('auto', 'embed', stream);
    progress.update({ done: 10 });
    progress.end();
    expect(lines(stream)).toEqual([]);
  });

  test('none is silent', () => {
    const stream = new PassThrough();
    const progress = openProgress('none', 'embed', stream);
    progress.total(5);
    progress.update({ done: 5 });
    progress.end();
    expect(lines(stream)).toEqual([]);
  });

  test.each([
    [0, '0:00'],
    [65.4, '1:05'],
    [3600, '1:00:00'],
    [90061, '25:01:01'],
  ])('%p seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('tables', () => {
  test('long texts keep both ends', () => {
    expect(shorten('/a/very/long/path/to/a/photo.jpg', 15)).toBe('/a/very…oto.jpg');
    expect(shorten('short', 15)).toBe('short');
    expect(shorten('two\nlines', 15)).toBe('two lines');
  });

  test('numbers stand to the right, words to the left', () => {
    const drawn = table(
      ['word', 'n'],
      [
        ['a', '1'],
        ['bb', '-22.5'],
      ],
    );
    expect(drawn).toContain('│ a    │     1 │');
    expect(drawn).toContain('│ bb   │ -22.5 │');
    expect(score(-0.12345)).toBe('-0.123');
  });
});
