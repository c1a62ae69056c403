/**
 * Letter case and normal forms as Python 3.11 and Rust's tokenizers have them. JavaScript's own functions do the work:
 * characters that were assigned by Unicode 14 change in them no more. Those that came later, and those that the old
 * normalisation crate of Rust's tokenizers lets be, are taken out first.
 */
import { unassigned } from './categories.js';
import { classOf, union, unpack } from './ranges.js';
import { RUST_INERT, RUST_INERT_COMPATIBLE, RUST_LOWER } from './tables.js';

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** Texts of these characters need no table. */
const COMMON =
  // eslint-disable-next-line no-control-regex -- from the first character on
  /^[\x00-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u0391-\u03a1\u03a3-\u0481\u2010-\u2027\u3001-\u3096\u4e00-\u9fef\uac00-\ud7a3]*$/;

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

const newer = lazily(() => new RegExp(`[${classOf(unassigned('python'))}]+`, 'gu'));
const inert = lazily(() => inertTo());
const inertCompatible = lazily(() => inertTo(RUST_INERT_COMPATIBLE));

function inertTo(more?: string): RegExp {
  const sets = [unassigned('python'), unpack(RUST_INERT), ...(more === undefined ? [] : [unpack(more)])];
  return new RegExp(`[${classOf(union(...sets))}]+`, 'gu');
}

/** Changes what lies between the matches of a pattern, and leaves the matches (or maps them by themselves). */
function between(
  text: string,
  pattern: RegExp,
  change: (part: string) => string,
  keep: (part: string) => string = (part) => part,
): string {
  let out = '';
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    out += change(text.slice(last, match.index)) + keep(match[0]);
    last = match.index + match[0].length;
  }
  return last === 0 ? change(text) : out + change(text.slice(last));
}

/** unicodedata.normalize of Python 3.11. */
export function normalizePython(text: string, form: Form): string {
  if (COMMON.test(text)) return text.normalize(form);
  return between(text, newer(), (part) => part.normalize(form));
}

/** The normalisers NFC, NFD, NFKC and NFKD of Rust's tokenizers 0.23. */
export function normalizeRust(text: string, form: Form): string {
  if (COMMON.test(text)) return text.normalize(form);
  const pattern = form === 'NFKC' || form === 'NFKD' ? inertCompatible() : inert();
  return between(text, pattern, (part) => part.normalize(form));
}

/** str.lower() of Python 3.11. Both it and JavaScript look for a final sigma over the whole string. */
export function lower(text: string): string {
  return COMMON.test(text) ? text.toLowerCase() : between(text, newer(), (part) => part.toLowerCase());
}

const CAPITAL_SIGMA = /\u03a3/g;
const eachLower = (text: string): string => text.replace(CAPITAL_SIGMA, '\u03c3').toLowerCase();

const newLetters = lazily(
  () =>
    new Map(
      RUST_LOWER.split(';').map((pair): [string, string] => {
        const [from = '', to = ''] = pair
          .split(' ')
          .map((digits) => String.fromCodePoint(Number.parseInt(digits, 36)));
        return [from, to];
      }),
    ),
);

/**
 * Lower case character by character, as char::to_lowercase in Rust's tokenizers: a capital sigma at the end of a word
 * becomes a plain one there.
 */
export function lowerEach(text: string): string {
  if (COMMON.test(text)) return eachLower(text);
  return between(text, newer(), eachLower, (part) =>
    Array.from(part, (character) => newLetters().get(character) ?? character).join(''),
  );
}
