import { lowerEach, WHITE_SPACE } from '../python.js';
import { classOf, unpack } from '../unicode/ranges.js';
import { BERT_DROPPED, BERT_MARKS, BERT_PUNCTUATION } from '../unicode/tables.js';
import { normalizeRust } from '../unicode/transform.js';

export interface BertNormalizeOptions {
  readonly cleanText: boolean;
  readonly chineseCharacters: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

const PLAIN = /^[\x20-\x7e]*$/;
/** Controls, formats, private use: dropped; tab, line feed and carriage return are white space. */
const DROPPED = new RegExp(`[${classOf(unpack(BERT_DROPPED))}]`, 'gu');
const MARKS = new RegExp(`[${classOf(unpack(BERT_MARKS))}]`, 'gu');
const PUNCTUATION = classOf(unpack(BERT_PUNCTUATION));
const SPACES = new RegExp(`[${WHITE_SPACE}]`, 'gu');
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** BertNormalizer of Hugging Face's tokenizers. */
export function bertNormalize(text: string, options: BertNormalizeOptions): string {
  if (PLAIN.test(text)) return options.lowercase ? text.toLowerCase() : text;
  let out = text;
  if (options.cleanText) out = out.replace(DROPPED, '').replace(SPACES, ' ');
  if (options.chineseCharacters) out = out.replace(CHINESE, ' $& ');
  if (options.stripAccents) out = normalizeRust(out, 'NFD').replace(MARKS, '');
  return options.lowercase ? lowerEach(out) : out;
}

const WORDS = new RegExp(`[${PUNCTUATION}]|[^${WHITE_SPACE}${PUNCTUATION}]+`, 'gu');

/** BertPreTokenizer: words without white space, each punctuation character by itself. */
export function bertSplit(text: string): string[] {
  return text.match(WORDS) ?? [];
}
