import { asBoolean, asList, asString, at } from '../../models/json.js';
import { WHITE_SPACE } from '../python.js';
import { category, word } from '../unicode/categories.js';
import { classOf, unpack } from '../unicode/ranges.js';
import { BERT_PUNCTUATION, RUST_NUMERIC } from '../unicode/tables.js';
import { bertSplit } from './bert.js';
import { BYTE_SYMBOLS } from './byte-level.js';
import { readPattern } from './normalizers.js';

/** Splits a stretch of text; `first` tells whether it begins the whole text. */
export type PreTokenizer = (text: string, first: boolean) => string[];

const LETTERS = classOf(category('oniguruma', 'L') ?? []);
const NUMBERS = classOf(category('oniguruma', 'N') ?? []);
const GPT2 = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?[${LETTERS}]+| ?[${NUMBERS}]+| ?[^${WHITE_SPACE}${LETTERS}${NUMBERS}]+|[${WHITE_SPACE}]+(?![^${WHITE_SPACE}])|[${WHITE_SPACE}]+`,
  'gu',
);
const WORD = classOf(word('rust'));
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}${WHITE_SPACE}]+`, 'gu');
const NON_SPACE = new RegExp(`[^${WHITE_SPACE}]+`, 'gu');
const PUNCTUATION = new RegExp(`[${classOf(unpack(BERT_PUNCTUATION))}]`, 'gu');
const DIGIT = classOf(unpack(RUST_NUMERIC));

/** Compiles the `pre_tokenizer` of a tokenizer.json, as stages. Throws RangeError for an unknown part. */
export function compilePreTokenizer(config: unknown): PreTokenizer[] {
  if (config === null || config === undefined) return [];
  const type = asString(at(config, 'type'));
  switch (type) {
    case 'Sequence':
      return asList(at(config, 'pretokenizers')).flatMap(compilePreTokenizer);
    case 'Split': {
      const pattern = readPattern(config);
      const behavior = asString(at(config, 'behavior')) ?? 'Removed';
      const invert = asBoolean(at(config, 'invert')) ?? false;
      if (invert && behavior === 'Removed') return [(text) => text.match(pattern) ?? []];
      return [(text) => split(text, pattern, behavior, invert)];
    }
    case 'ByteLevel': {
      const prefix = asBoolean(at(config, 'add_prefix_space')) ?? true;
      const regex = asBoolean(at(config, 'use_regex')) ?? true;
      return [
        (text) => {
          const begun = prefix && !text.startsWith(' ') ? ` ${text}` : text;
          return (regex ? (begun.match(GPT2) ?? []) : [begun]).map(toByteSymbols);
        },
      ];
    }
    case 'BertPreTokenizer':
      return [bertSplit];
    case 'Whitespace':
      return [(text) => text.match(WORDS) ?? []];
    case 'WhitespaceSplit':
      return [(text) => text.match(NON_SPACE) ?? []];
    case 'Punctuation': {
      const behavior = asString(at(config, 'behavior')) ?? 'Isolated';
      return [(text) => split(text, PUNCTUATION, behavior, false)];
    }
    case 'Digits': {
      const pattern = new RegExp(
        `[${DIGIT}]${asBoolean(at(config, 'individual_digits')) === true ? '' : '+'}`,
        'gu',
      );
      return [(text) => split(text, pattern, 'Isolated', false)];
    }
    case 'Metaspace':
      return [compileMetaspace(config)];
    case undefined:
    default:
      throw new RangeError(`pre-tokenizer "${String(type)}"`);
  }
}

function compileMetaspace(config: unknown): PreTokenizer {
  const mark = asString(at(config, 'replacement')) ?? '\u2581';
  const legacy = asBoolean(at(config, 'add_prefix_space'));
  const scheme = asString(at(config, 'prepend_scheme')) ?? (legacy === false ? 'never' : 'always');
  const divide = asBoolean(at(config, 'split')) ?? true;
  return (text, first) => {
    let marked = text.replaceAll(' ', mark);
    const wanted = scheme === 'always' || (scheme === 'first' && first);
    if (wanted && !marked.startsWith(mark)) marked = mark + marked;
    if (!divide) return [marked];
    const parts: string[] = [];
    let start = 0;
    for (let next = marked.indexOf(mark, 1); next >= 0; next = marked.indexOf(mark, next + 1)) {
      parts.push(marked.slice(start, next));
      start = next;
    }
    if (start < marked.length) parts.push(marked.slice(start));
    return parts;
  };
}

/** The UTF-8 bytes of a text, each as the printable character that GPT-2 gave it. */
export function toByteSymbols(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) out += BYTE_SYMBOLS[byte] ?? '';
  return out;
}

/** SplitDelimiterBehavior of Hugging Face's tokenizers. */
function split(text: string, pattern: RegExp, behavior: string, invert: boolean): string[] {
  if (!invert && text.search(pattern) < 0) return text === '' ? [] : [text];
  const spans: { text: string; delimiter: boolean }[] = [];
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > last) spans.push({ text: text.slice(last, match.index), delimiter: invert });
    spans.push({ text: match[0], delimiter: !invert });
    last = match.index + match[0].length;
  }
  if (last < text.length) spans.push({ text: text.slice(last), delimiter: invert });
  const out: string[] = [];
  let before = false;
  for (const span of spans) {
    const previous = out.length - 1;
    if (span.delimiter && behavior === 'Removed') {
      before = true;
      continue;
    }
    const joins =
      (behavior === 'MergedWithPrevious' && span.delimiter && !before && previous >= 0) ||
      (behavior === 'MergedWithNext' && !span.delimiter && before) ||
      (behavior === 'Contiguous' && span.delimiter && before);
    if (joins && previous >= 0) out[previous] = (out[previous] ?? '') + span.text;
    else out.push(span.text);
    before = span.delimiter;
  }
  return out;
}
