import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleaner } from '#diptych/text/clean/clean.js';
import { fixText } from '#diptych/text/clean/fix-text.js';
import { unescapeHtml } from '#diptych/text/clean/html.js';
import { local } from '../../support/fixtures.js';

type Case = readonly [text: string, fixed: string, unescaped: string];
const { cases } = JSON.parse(readFileSync(join(local, 'text', 'fix-text.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};

describe('texts made by test/fixtures/tools/text_cleaning.py', () => {
  test('ftfy.fix_text 6.3.1', () => {
    expect(cases.length).toBeGreaterThan(1000);
    expect(cases.filter(([text, fixed]) => text !== fixed).length).toBeGreaterThan(500);
    const wrong = cases
      .map(([text, wanted]) => ({ text, got: fixText(text), wanted }))
      .filter(({ got, wanted }) => got !== wanted);
    expect(wrong).toEqual([]);
  });

  test('html.unescape, twice', () => {
    const wrong = cases
      .map(([text, , wanted]) => ({ text, got: unescapeHtml(unescapeHtml(text)), wanted }))
      .filter(({ got, wanted }) => got !== wanted);
    expect(wrong).toEqual([]);
  });
});

describe('rules one by one', () => {
  test.each([
    ['schÃ¶n', 'schön'],
    ['âœ” No problems', '✔ No problems'],
    ['voilÃ le travail', 'voilà le travail'],
    ['P&EACUTE;REZ &notin; &nTILDE;', 'PÉREZ ∉ &nTILDE;'],
    ['&lt;b&gt; <i>&eacute;</i>', '&lt;b&gt; <i>&eacute;</i>'],
    ['\u001b[36;44mblue\u001b[0m', 'blue'],
    ['ＬＯＵＤ　ﾊﾝｶｸ', 'LOUD ハンカク'],
    ['ﬂuﬃeﬆ “quotes” ‘single’', 'fluffiest "quotes" \'single\''],
    ['a\r\nb\u2028c\u0085d', 'a\nb\nc…d'],
    ['\ufeffBOM\u0000', 'BOM'],
  ])('fixText(%j)', (text, wanted) => {
    expect(fixText(text)).toBe(wanted);
  });

  test.each([
    ['openai', '  Tom &amp;amp; Jerry&#39;s\tHOUSE ', "tom & jerry's house"],
    ['open_clip', '  Tom &amp;amp; Jerry&#39;s\tHOUSE ', "tom & jerry's house"],
    ['whitespace', ' A  B ', 'A B'],
    ['canonicalize', 'A snow_man, (really)!', 'a snow man really'],
    ['hf_slow', 'Tom &amp;amp; “Jerry”', 'tom & "jerry"'],
    ['none', ' A  &amp; ', ' A  &amp; '],
  ] as const)('%s', (rule, text, wanted) => {
    expect(cleaner(rule)(text)).toBe(wanted);
  });
});
