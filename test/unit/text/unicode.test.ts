import { expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { category, word } from '#diptych/text/unicode/categories.js';
import { classOf, complement, either, union, unpack, type Runs } from '#diptych/text/unicode/ranges.js';
import { lower, lowerEach, normalizePython, normalizeRust } from '#diptych/text/unicode/transform.js';

/*
 * The digests are of what the official packages answer for every code point of the stretches in which versions of
 * Unicode differ (Python 3.11.7,
 * regex 2026.11.15, tokenizers 0.23.3): they hold whatever Unicode the running Node.js has.
 */
const STRETCHES: readonly (readonly [number, number])[] = [
  [0x400, 0x3400],
  [0xa000, 0xac00],
  [0xf900, 0x20000],
  [0x2f800, 0x2fa20],
  [0x32000, 0x33500],
];
const POINTS = STRETCHES.flatMap(([start, end]) =>
  Array.from({ length: end - start }, (_, at) => start + at),
);
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
  ['regex', '8d9a4943c3d5c11ef4412771b72a14bc'],
  ['python', 'c13276bdb72f06c925ecf8b9e8bf7ac0'],
  ['oniguruma', '08f2991061a7cec437559cf9f4e105de'],
] as const)('the categories of %s are those of the package', (of, expected) => {
  const names = new Array<string>(0x110000).fill('none');
  for (const name of CATEGORIES) {
    for (const [start, end] of category(of, name) ?? []) names.fill(name, start, end + 1);
  }
  expect(digest(POINTS.map((point) => names[point]).join(''))).toBe(expected);
});

test('word characters are those of the packages', () => {
  expect(marks(word('oniguruma'))).toBe('0e3035249ca4572d4766cfdf47eeabd0');
  expect(marks(word('rust'))).toBe('848a628a5e8152206503a17bd87d0d67');
});

test('letter case is that of Python and of Rust, character by character', () => {
  expect(each(lower)).toBe('5762febe3617a3b9e033ce1a3299d921');
  expect(each(lowerEach)).toBe('9e02c883f601b5241fcd330f7633a492');
});

test('a final sigma is one for Python only', () => {
  expect([lower('ΟΔΟΣ'), lowerEach('ΟΔΟΣ')]).toEqual(['οδος', 'οδοσ']);
  // A capital that Python 3.11 does not know stays, and the word around it is lower-cased.
  expect([lower('A\ua7cbΣ'), lowerEach('A\ua7cbΣ')]).toEqual(['a\ua7cbσ', 'a\u0264σ']);
});

test('normal forms are those of Rust and of Python, marks put in order too', () => {
  const rust = ['2ba42b916072316467ae835bf396b56c', 'ba3a8c1c28c4feb299aa75e77f1578d7'];
  expect(['NFC', 'NFD'].map((form) => each((c) => normalizeRust(c, form === 'NFC' ? 'NFC' : 'NFD')))).toEqual(
    rust,
  );
  expect(each((c) => normalizeRust(c, 'NFKC'))).toBe('8d6f2f8aea3944a70df26add2f560878');
  expect(each((c) => normalizeRust(c, 'NFKD'))).toBe('90ff3a731c321cfdc73e74a49df69ea8');
  expect(each((c) => normalizeRust(`a\u0315${c}\u05b0`, 'NFD'))).toBe('73cf1560b0e0659dc2973235fdabd0e3');
  expect(each((c) => normalizePython(`a\u0315${c}\u05b0`, 'NFC'))).toBe('75b2aa269f4cf159b4eb48095324f020');
  expect(each((c) => normalizePython(`a\u0315${c}\u05b0`, 'NFD'))).toBe('15669197f21ade0563df4db22abe24e8');
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
