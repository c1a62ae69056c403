import { asBoolean, asList, asString, at } from '../../models/json.js';
import { lowerEach, WHITE_SPACE } from '../python.js';
import { bertNormalize } from './bert.js';
import { CharsMap } from './charsmap.js';
import { toRegExp } from './patterns.js';
import { classOf, either, unpack } from '../unicode/ranges.js';
import { BERT_MARKS, RUST_MARKS } from '../unicode/tables.js';
import { normalizeRust } from '../unicode/transform.js';

export type Normalizer = (text: string) => string;

/** StripAccents drops spacing and enclosing marks too, which BertNormalizer keeps. */
const MARKS = new RegExp(`[${classOf(either(unpack(BERT_MARKS), unpack(RUST_MARKS)))}]`, 'gu');
const LEFT = new RegExp(`^[${WHITE_SPACE}]+`, 'u');
const RIGHT = new RegExp(`[${WHITE_SPACE}]+$`, 'u');
// eslint-disable-next-line no-control-regex -- the rule names these controls
const NMT_REMOVED = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/gu;
const NMT_SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu;

/** Compiles the `normalizer` of a tokenizer.json. Throws RangeError naming a part that is not known. */
export function compileNormalizer(config: unknown): Normalizer | null {
  if (config === null || config === undefined) return null;
  const type = asString(at(config, 'type'));
  switch (type) {
    case 'Sequence': {
      const parts = asList(at(config, 'normalizers'))
        .map(compileNormalizer)
        .filter((part) => part !== null);
      return (text) => parts.reduce((value, part) => part(value), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => normalizeRust(text, type);
    case 'Lowercase':
      return lowerEach;
    case 'StripAccents':
      return (text) => text.replace(MARKS, '');
    case 'Strip': {
      const left = asBoolean(at(config, 'strip_left')) ?? true;
      const right = asBoolean(at(config, 'strip_right')) ?? true;
      return (text) => {
        const begun = left ? text.replace(LEFT, '') : text;
        return right ? begun.replace(RIGHT, '') : begun;
      };
    }
    case 'Replace': {
      const pattern = readPattern(config);
      const content = asString(at(config, 'content')) ?? '';
      return (text) => text.replace(pattern, () => content);
    }
    case 'Prepend': {
      const prefix = asString(at(config, 'prepend')) ?? '';
      return (text) => (text === '' ? text : prefix + text);
    }
    case 'Nmt':
      return (text) => text.replace(NMT_REMOVED, '').replace(NMT_SPACES, ' ');
    case 'BertNormalizer': {
      const lowercase = asBoolean(at(config, 'lowercase')) ?? true;
      const options = {
        cleanText: asBoolean(at(config, 'clean_text')) ?? true,
        chineseCharacters: asBoolean(at(config, 'handle_chinese_chars')) ?? true,
        stripAccents: asBoolean(at(config, 'strip_accents')) ?? lowercase,
        lowercase,
      };
      return (text) => bertNormalize(text, options);
    }
    case 'Precompiled': {
      const map = new CharsMap(Buffer.from(asString(at(config, 'precompiled_charsmap')) ?? '', 'base64'));
      return (text) => map.normalizeGraphemes(text);
    }
    case undefined:
    default:
      throw new RangeError(`normalizer "${String(type)}"`);
  }
}

export function readPattern(config: unknown): RegExp {
  const literal = asString(at(config, 'pattern', 'String'));
  const regex = asString(at(config, 'pattern', 'Regex'));
  if (literal !== undefined) return toRegExp({ literal });
  if (regex !== undefined) return toRegExp({ regex });
  throw new RangeError('a pattern that is neither a String nor a Regex');
}
