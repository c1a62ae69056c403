import { expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { category, word } from '#diptych/text/unicode/categories.js';
import { classOf, complement, either, union, unpack, type Runs } from '#diptych/text/unicode/ranges.js';
import { lower, lowerEach, normalizePython, normalizeRust } from '#diptych/text/unicode/transform.js';

/*
 * The digests are of what the official packages answer for every code point, one after the other (Python 3.11.7,
 * regex 2026.11.15, tokenizers 0.23.3): they hold whatever Unicode the running Node.js has.
 */
const POINTS = [...Array(0x110000).keys()].filter((point) => point < 0xd800 || point > 0xdfff);
const CATEGORIES =
  'Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co'.split(' ');

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

function each(change: (character: string) => string): string {
  return digest(POINTS.map((point) => change(String.fromCodePoint(point))).join('\n'));
}

function marks(runs: Runs): string {
  const inside = new Uint8Array(0x110000);
  for (const [start, end] of runs) inside.fill(1, start, end + 1);
  return digest(POINTS.map((point) => String(inside[point])).join(''));
}

test.each([
  ['regex', '4938c68c8f079ad8c03719a459b3becd'],
  ['python', 'e47c02491a570ebd36182efddca1a671'],
  ['oniguruma', 'f710be47b257d77d22fea7f1e3ba740d'],
] as const)('the categories of %s are those of the package', (of, expected) => {
  const names = new Array<string>(0x110000).fill('none');
  for (const name of CATEGORIES) {
    for (const [start, end] of category(of, name) ?? []) names.fill(name, start, end + 1);
  }
  expect(digest(POINTS.map((point) => names[point]).join(''))).toBe(expected);
});

test('word characters are those of the packages', () => {
  expect(marks(word('oniguruma'))).toBe('460b73b222eeb77a34c7bddbd5c78a26');
  expect(marks(word('rust'))).toBe('a311b60aead90cd4917547ac3ce4b283');
});

test('letter case is that of Python and of Rust, character by character', () => {
  expect(each(lower)).toBe('edca77a44be2b4e6ffdbe85bfd097ed3');
  expect(each(lowerEach)).toBe('9dbe491e02df24162a6ab7a165198f7a');
});

test('a final sigma is one for Python only', () => {
  expect([lower('ΟΔΟΣ'), lowerEach('ΟΔΟΣ')]).toEqual(['οδος', 'οδοσ']);
  // A capital that Python 3.11 does not know stays, and the word around it is lower-cased.
  expect([lower('A\ua7cbΣ'), lowerEach('A\ua7cbΣ')]).toEqual(['a\ua7cbσ', 'a\u0264σ']);
});

test('normal forms are those of Rust and of Python, marks put in order too', () => {
  const rust = ['900f12a0fd5b368b56e972d9dcc9cc05', '0f306678f8b597b273d752158cd1c5f4'];
  expect(['NFC', 'NFD'].map((form) => each((c) => normalizeRust(c, form === 'NFC' ? 'NFC' : 'NFD')))).toEqual(
    rust,
  );
  expect(each((c) => normalizeRust(c, 'NFKC'))).toBe('7c9f53e49d0c962ea84af637125ab1a5');
  expect(each((c) => normalizeRust(c, 'NFKD'))).toBe('945876b4e2d7863d75cbcf08f08d9d1a');
  expect(each((c) => normalizeRust(`a\u0315${c}\u05b0`, 'NFD'))).toBe('ea8c99952a3cfb01d1387ffd24da7197');
  expect(each((c) => normalizePython(`a\u0315${c}\u05b0`, 'NFC'))).toBe('ba6df46b6911d9bf5bbc661e24a4fc53');
  expect(each((c) => normalizePython(`a\u0315${c}\u05b0`, 'NFD'))).toBe('b24467a2a35b3486b4d9ddf1b8a059d2');
});

test('sets of code points', () => {
  expect(unpack('a.2 3')).toEqual([
    [10, 12],
    [15, 15],
  ]);
  const runs: Runs = [
    [0, 4],
    [9, 0x10fffe],
  ];
  expect(complement(runs)).toEqual([
    [5, 8],
    [0x10ffff, 0x10ffff],
  ]);
  expect(either(runs, [[3, 10]])).toEqual([
    [0, 2],
    [5, 8],
    [11, 0x10fffe],
  ]);
  expect(union(runs, [[5, 6]])).toEqual([
    [0, 6],
    [9, 0x10fffe],
  ]);
  const odd: Runs = [
    [0x2d, 0x2d],
    [0x5b, 0x5e],
    [0x2028, 0x2029],
    [0xd7a4, 0xffff],
    [0x1f600, 0x1f602],
  ];
  const pattern = new RegExp(`^[${classOf(odd)}]$`, 'u');
  expect(['-', ']', '\u2029', '\udc00', '😁'].map((text) => pattern.test(text))).toEqual(Array(5).fill(true));
  expect(['a', '\u202a', '😀'.slice(0, 1), '😃'].map((text) => pattern.test(text))).toEqual([
    false,
    false,
    true,
    false,
  ]);
});

test('what is no category is told', () => {
  expect(category('regex', 'Han')).toBeUndefined();
  expect(category('regex', 'LC')).toBeUndefined();
});
