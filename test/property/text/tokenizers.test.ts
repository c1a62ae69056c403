import { beforeAll, describe, expect, test } from '@jest/globals';
import { describeModel } from '#diptych/models/describe.js';
import type { ModelDescription } from '#diptych/models/card.js';
import type { TextCleaning, Tokenizer } from '#diptych/text/types.js';
import { loadTokenizer } from '#diptych/text/tokenizer.js';
import { find } from '../../support/fixtures.js';

/** Numbers in [0, 1) from a seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const STRETCHES: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0x80, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x5ff],
  [0x600, 0x1fff],
  [0x2000, 0x20ff],
  [0x3000, 0x30ff],
  [0x4e00, 0x9fff],
  [0xd800, 0xdfff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
];
const WORDS = [
  '<|startoftext|>',
  '<|endoftext|>',
  '<start_of_text>',
  '</s>',
  '<unk>',
  '<eos>',
  '[SEP]',
  '[MASK]',
  '&amp;amp;',
  '&#128;',
  '&#x110000;',
  "'LL",
  '\u2581',
  'Ã©â€œ',
  'a'.repeat(250),
  '__proto__',
  'constructor',
];

function texts(seed: number, count: number): string[] {
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[], fallback: T): T =>
    list[Math.floor(random() * list.length)] ?? fallback;
  return Array.from({ length: count }, () => {
    let text = '';
    for (let left = Math.floor(random() * 40); left > 0; left--) {
      const [low, high] = pick(STRETCHES, [32, 126]);
      text +=
        random() < 0.1
          ? pick(WORDS, '')
          : String.fromCodePoint(low + Math.floor(random() * (high - low + 1)));
    }
    return text;
  });
}

const CASES: readonly (readonly [family: string, cleaning: TextCleaning])[] = [
  ['clip-vit', 'auto'],
  ['clip-vit', 'openai'],
  ['clip-vit', 'open_clip'],
  ['clip-vit', 'hf_slow'],
  ['siglip-openclip', 'auto'],
  ['siglip', 'auto'],
  ['siglip2', 'auto'],
  ['chinese-clip', 'auto'],
  ['chinese-clip', 'cn_clip'],
  ['blip-itm', 'auto'],
];

describe.each(CASES)('%s, cleaning %s', (family, textCleaning) => {
  let description: ModelDescription;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    description = await describeModel(find('families', family), { textCleaning });
    tokenizer = await loadTokenizer(description);
  });

  test('any string gives ids of the vocabulary within the context, and the same ones again', () => {
    const made = texts(family.length, 400);
    const rows = tokenizer.tokenize(made);
    const size = description.text?.plan.vocabularySize ?? Infinity;
    expect(rows.map(({ text }) => text)).toEqual(made);
    for (const { ids, length, attentionMask, truncated } of rows) {
      expect(ids.length).toBeLessThanOrEqual(tokenizer.contextLength);
      expect(length).toBeLessThanOrEqual(ids.length);
      expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < size)).toBe(true);
      if (truncated) expect(length).toBe(tokenizer.contextLength);
      if (attentionMask !== null) {
        expect(attentionMask).toEqual(ids.map((_, at) => (at < length ? 1 : 0)));
      }
    }
    expect(tokenizer.tokenize(made)).toEqual(rows);
    expect([...made].reverse().flatMap((text) => tokenizer.tokenize([text]))).toEqual([...rows].reverse());
  });

  test('the chunks of a text hold all its tokens in order', () => {
    const whole = texts(99, 60).join(' ');
    const chunks = tokenizer.chunks(whole);
    expect(chunks.length).toBeGreaterThan(1);
    for (const { ids } of chunks) expect(ids.length).toBeLessThanOrEqual(tokenizer.contextLength);
    const begin = tokenizer.tokenize([whole])[0]?.ids.slice(0, 8);
    expect(chunks[0]?.ids.slice(0, 8)).toEqual(begin);
  });
});
