/** Python's idea of text where it differs from JavaScript's: the official tokenizers are written in Python. */

/**
 * str.isspace(): JavaScript's \s has U+FEFF too and lacks U+001C..U+001F and U+0085.
 * `re` and `str.split` use this set; the `regex` module does not count U+001C..U+001F as \s.
 */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
/** Unicode White_Space: \s of Rust, Oniguruma and Python's `regex`. */
export const WHITE_SPACE = '\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const RUNS = new RegExp(`[${SPACE}]+`, 'g');
const ENDS = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, 'g');

/** str.strip() */
export function strip(text: string): string {
  return text.replace(ENDS, '');
}

/** re.sub(r'\s+', ' ', text) */
export function collapse(text: string): string {
  return text.replace(RUNS, ' ');
}

/** ' '.join(text.split()) */
export function splitJoin(text: string): string {
  return strip(collapse(text));
}

/**
 * str.lower(): as JavaScript's toLowerCase, which follows the same SpecialCasing rules (final sigma included),
 * but Python looks for the final sigma over the whole string and JavaScript too: one function serves.
 */
export function lower(text: string): string {
  return text.toLowerCase();
}

const CAPITAL_SIGMA = /\u03a3/g;

/**
 * Lower case character by character, as Rust's char::to_lowercase in Hugging Face's tokenizers: a capital
 * sigma at the end of a word becomes a plain one there.
 */
export function lowerEach(text: string): string {
  return text.replace(CAPITAL_SIGMA, '\u03c3').toLowerCase();
}
