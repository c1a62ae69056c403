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

export { lower, lowerEach } from './unicode/transform.js';
