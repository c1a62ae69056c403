import { WHITE_SPACE } from '../python.js';

/**
 * A pattern of a tokenizer.json as a JavaScript one: {"String": s} literally, {"Regex": r} in Oniguruma's
 * syntax, of which tokenizers use the part that JavaScript shares; \s differs and is spelled out.
 * Throws SyntaxError for a pattern that JavaScript cannot express.
 */
export function toRegExp(pattern: { readonly literal: string } | { readonly regex: string }): RegExp {
  if ('literal' in pattern) return new RegExp(escape(pattern.literal), 'gu');
  return new RegExp(translate(pattern.regex), 'gu');
}

export function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Escapes that the u flag allows; others (\# \' \& ...) are the character itself. */
const KNOWN = /^[\^$\\.*+?()[\]{}|/dDwWbBnrtfvpPux0-9-]$/;

function translate(source: string): string {
  let out = '';
  let inClass = false;
  const characters = Array.from(source);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character !== '\\') {
      if (character === '[' && !inClass) inClass = true;
      else if (character === ']' && inClass) inClass = false;
      else if (character === '[' && inClass) {
        out += '\\[';
        continue;
      }
      out += character;
      continue;
    }
    at++;
    const next = characters[at] ?? '';
    if (next === 's') out += inClass ? WHITE_SPACE : `[${WHITE_SPACE}]`;
    else if (next === 'S' && !inClass) out += `[^${WHITE_SPACE}]`;
    else if (next === '-' && !inClass) out += '-';
    else if (next === 'A') out += '^';
    else if (next === 'z' || next === 'Z') out += '$';
    else out += KNOWN.test(next) ? `\\${next}` : next;
  }
  return out;
}
