import { lowerEach, WHITE_SPACE } from '../python.js';

export interface BertNormalizeOptions {
  readonly cleanText: boolean;
  readonly chineseCharacters: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

const PLAIN = /^[\x20-\x7e]*$/;
/** Controls, formats, private use: dropped; tab, line feed and carriage return are white space. */
const DROPPED = /[^\P{C}\t\n\r\p{Cn}]|\ufffd/gu;
const SPACES = new RegExp(`[${WHITE_SPACE}]`, 'gu');
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** BertNormalizer of Hugging Face's tokenizers. */
export function bertNormalize(text: string, options: BertNormalizeOptions): string {
  if (PLAIN.test(text)) return options.lowercase ? text.toLowerCase() : text;
  let out = text;
  if (options.cleanText) out = out.replace(DROPPED, '').replace(SPACES, ' ');
  if (options.chineseCharacters) out = out.replace(CHINESE, ' $& ');
  if (options.stripAccents) out = out.normalize('NFD').replace(/\p{Mn}/gu, '');
  return options.lowercase ? lowerEach(out) : out;
}

const WORDS = new RegExp(`[!-/:-@[-\`{-~\\p{P}]|[^${WHITE_SPACE}!-/:-@[-\`{-~\\p{P}]+`, 'gu');

/** BertPreTokenizer: words without white space, each punctuation character by itself. */
export function bertSplit(text: string): string[] {
  return text.match(WORDS) ?? [];
}
