import { entities } from './html-entities.js';

/** Numbers of C1 controls that HTML 5 reads as Windows-1252, and those it refuses. */
const REPLACED: ReadonlyMap<number, string> = new Map([
  [0x00, '\ufffd'],
  [0x0d, '\r'],
  ...Array.from(
    '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178',
  ).map((character, index): [number, string] => [0x80 + index, character]),
]);

const REFERENCE = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu;

/**
 * Python's html.unescape: numbers by HTML 5's rules, names with or without a semicolon, else the longest
 * name that begins the reference ("&notit;" -> "¬it;"). Digits are ASCII or any other decimal digit.
 */
export function unescapeHtml(text: string): string {
  return text.includes('&') ? text.replace(REFERENCE, (_, reference: string) => resolve(reference)) : text;
}

function resolve(reference: string): string {
  if (reference.startsWith('#')) {
    const hex = /^#[xX]/.test(reference);
    const digits = reference.slice(hex ? 2 : 1).replace(/;$/, '');
    return character(Number.parseInt(digits, hex ? 16 : 10));
  }
  const named = entities.get(reference);
  if (named !== undefined) return named;
  for (let length = reference.length - 1; length > 1; length--) {
    const prefix = entities.get(reference.slice(0, length));
    if (prefix !== undefined) return prefix + reference.slice(length);
  }
  return `&${reference}`;
}

function character(number: number): string {
  const replaced = REPLACED.get(number);
  if (replaced !== undefined) return replaced;
  if ((number >= 0xd800 && number <= 0xdfff) || number > 0x10ffff) return '\ufffd';
  if (isInvalid(number)) return '';
  return String.fromCodePoint(number);
}

/** Controls and non-characters, which Python drops. */
function isInvalid(number: number): boolean {
  return (
    (number >= 0x1 && number <= 0x8) ||
    (number >= 0xe && number <= 0x1f) ||
    (number >= 0x7f && number <= 0x9f) ||
    (number >= 0xfdd0 && number <= 0xfdef) ||
    number === 0xb ||
    (number & 0xfffe) === 0xfffe
  );
}
