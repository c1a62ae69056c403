import { WHITE_SPACE } from '../python.js';
import { category, word } from '../unicode/categories.js';
import { classOf, complement, type Runs } from '../unicode/ranges.js';

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
    const set = classEscape(characters, at);
    if (set !== undefined) {
      out += inClass ? classOf(set.runs) : `[${classOf(set.runs)}]`;
      at = set.end;
    } else if (next === 's') out += inClass ? WHITE_SPACE : `[${WHITE_SPACE}]`;
    else if (next === 'S' && !inClass) out += `[^${WHITE_SPACE}]`;
    else if (next === '-' && !inClass) out += '-';
    else if (next === 'A') out += '^';
    else if (next === 'z' || next === 'Z') out += '$';
    else out += KNOWN.test(next) ? `\\${next}` : next;
  }
  return out;
}

/** Oniguruma's \d, \w and general categories, which JavaScript has otherwise or of another Unicode. */
function classEscape(
  characters: readonly string[],
  at: number,
): { readonly runs: Runs; readonly end: number } | undefined {
  const letter = characters[at] ?? '';
  if (/[dDwW]/.test(letter)) {
    const runs = /[dD]/.test(letter) ? (category('oniguruma', 'Nd') ?? []) : word('oniguruma');
    return { runs: /[DW]/.test(letter) ? complement(runs) : runs, end: at };
  }
  if (letter !== 'p' && letter !== 'P') return undefined;
  const close = characters.indexOf('}', at);
  if (characters[at + 1] !== '{' || close < 0) return undefined;
  const name = characters.slice(at + 2, close).join('');
  const runs = category('oniguruma', name.replace(/^\^/, ''));
  if (runs === undefined) return undefined;
  return { runs: (letter === 'P') !== name.startsWith('^') ? complement(runs) : runs, end: close };
}
