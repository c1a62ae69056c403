import { asBoolean, asList, asNumber, asString, at } from '../../models/json.js';
import { WHITE_SPACE } from '../python.js';
import type { Normalizer } from './normalizers.js';
import { escape } from './patterns.js';
import { word } from '../unicode/categories.js';
import { classOf } from '../unicode/ranges.js';

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly left: boolean;
  readonly right: boolean;
  readonly singleWord: boolean;
  readonly normalized: boolean;
}

/** A stretch of a text: either an added token's id or text that goes on to the pre-tokenizer. */
export type Part = { readonly id: number } | { readonly text: string; readonly first: boolean };

const WORD = new RegExp(`[${classOf(word('rust'))}]`, 'u');

/**
 * Added tokens (special ones too) that are recognised inside a text: those not `normalized` in the raw text,
 * the others in the normalised one; leftmost, then longest.
 */
export class AddedTokens {
  readonly ids = new Map<string, number>();
  readonly #raw: Matcher;
  readonly #normal: Matcher;
  readonly #normalizer: Normalizer | null;

  constructor(config: unknown, normalizer: Normalizer | null) {
    const tokens: AddedToken[] = [];
    for (const entry of asList(config)) {
      const id = asNumber(at(entry, 'id'));
      const content = asString(at(entry, 'content'));
      if (id === undefined || content === undefined || content === '') continue;
      this.ids.set(content, id);
      tokens.push({
        id,
        content,
        left: asBoolean(at(entry, 'lstrip')) ?? false,
        right: asBoolean(at(entry, 'rstrip')) ?? false,
        singleWord: asBoolean(at(entry, 'single_word')) ?? false,
        normalized: asBoolean(at(entry, 'normalized')) ?? true,
      });
    }
    this.#normalizer = normalizer;
    this.#raw = new Matcher(tokens.filter((token) => !token.normalized));
    this.#normal = new Matcher(
      tokens
        .filter((token) => token.normalized)
        .map((token) => ({ ...token, content: normalizer?.(token.content) ?? token.content })),
    );
  }

  /** Splits and normalises a text. */
  split(text: string): Part[] {
    const out: Part[] = [];
    for (const raw of this.#raw.split(text, true)) {
      if ('id' in raw) {
        out.push(raw);
        continue;
      }
      const normal = this.#normalizer === null ? raw.text : this.#normalizer(raw.text);
      for (const part of this.#normal.split(normal, raw.first)) out.push(part);
    }
    return out;
  }
}

class Matcher {
  readonly #pattern: RegExp | null;
  readonly #tokens = new Map<string, AddedToken>();

  constructor(tokens: readonly AddedToken[]) {
    for (const token of tokens) if (token.content !== '') this.#tokens.set(token.content, token);
    const contents = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = contents.length === 0 ? null : new RegExp(contents.map(escape).join('|'), 'gu');
  }

  split(text: string, first: boolean): Part[] {
    if (text === '') return [];
    const pattern = this.#pattern;
    if (pattern === null) return [{ text, first }];
    const out: Part[] = [];
    let last = 0;
    for (const match of text.matchAll(pattern)) {
      const token = this.#tokens.get(match[0]);
      let start = match.index;
      let end = start + match[0].length;
      if (token === undefined || start < last) continue;
      if (token.singleWord && (isWord(text.slice(0, start), true) || isWord(text.slice(end), false)))
        continue;
      if (token.left) start -= edge(text.slice(last, start), true);
      if (token.right) end += edge(text.slice(end), false);
      if (start > last) out.push({ text: text.slice(last, start), first: first && last === 0 });
      out.push({ id: token.id });
      last = end;
    }
    if (last < text.length) out.push({ text: text.slice(last), first: first && last === 0 });
    return out;
  }
}

const TAIL = new RegExp(`[${WHITE_SPACE}]+$`, 'u');
const HEAD = new RegExp(`^[${WHITE_SPACE}]+`, 'u');

function edge(text: string, tail: boolean): number {
  return (tail ? TAIL : HEAD).exec(text)?.[0].length ?? 0;
}

function isWord(text: string, tail: boolean): boolean {
  const characters = Array.from(tail ? text.slice(-2) : text.slice(0, 2));
  const character = tail ? characters[characters.length - 1] : characters[0];
  return character !== undefined && WORD.test(character);
}
