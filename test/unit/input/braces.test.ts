import { expect, test } from '@jest/globals';
import { expandBraces, hasBraceRange } from '#diptych/input/braces.js';

test.each([
  ['{00000..00003}.tar', ['00000.tar', '00001.tar', '00002.tar', '00003.tar']],
  ['a{8..11}b', ['a8b', 'a9b', 'a10b', 'a11b']],
  ['{08..11}', ['08', '09', '10', '11']],
  ['{3..1}', ['3', '2', '1']],
  ['{0..10..5}', ['0', '5', '10']],
  ['{-1..1}', ['-1', '0', '1']],
  ['{0..1}/{0..1}.tar', ['0/0.tar', '0/1.tar', '1/0.tar', '1/1.tar']],
  ['no braces', ['no braces']],
  ['{a,b}.jpg', ['{a,b}.jpg']],
  ['{a..b}', ['{a..b}']],
])('%s', (pattern, expected) => {
  expect([...expandBraces(pattern)]).toEqual(expected);
  expect(hasBraceRange(pattern)).toBe(expected[0] !== pattern);
});

test('a pattern for a billion names gives the first at once', () => {
  const names = expandBraces('{000000000..999999999}.jpg');
  expect(names.next().value).toBe('000000000.jpg');
  expect(names.next().value).toBe('000000001.jpg');
});
