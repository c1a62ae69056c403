import { readFileSync } from 'node:fs';
import { DiptychError } from '../../errors.js';

/**
 * Punkt (Kiss and Strunk, Computational Linguistics 2006) with NLTK's English model: where a sentence ends. A period
 * ends one unless its word is a known abbreviation, an initial or an ordinal, and the next word does not speak for a
 * new sentence.
 */
interface Parameters {
  readonly abbreviations: ReadonlySet<string>;
  readonly starters: ReadonlySet<string>;
  readonly collocations: ReadonlySet<string>;
  /** Word -> bits below. */
  readonly orthography: ReadonlyMap<string, number>;
}

/** In which positions and cases a word was seen in training. */
const SEEN_INSIDE_UPPER = 1 << 2;
const SEEN_UPPER = 0b1110;
const SEEN_FIRST_LOWER = 1 << 4;
const SEEN_LOWER = 0b1110000;

/** Beside the sources: tsc copies no JSON. */
const MODEL = new URL('../../../src/tasks/knowledge/punkt-english.json', import.meta.url);

/** The model as it lies in the file. */
interface Model {
  readonly abbreviations: readonly string[];
  readonly starters: readonly string[];
  readonly collocations: readonly string[];
  readonly orthography: Readonly<Record<string, string>>;
}

let parameters: Parameters | undefined;

function isModel(value: unknown): value is Model {
  if (typeof value !== 'object' || value === null) return false;
  const lists = 'abbreviations' in value && 'starters' in value && 'collocations' in value;
  return lists && 'orthography' in value && typeof value.orthography === 'object';
}

function load(): Parameters {
  const model: unknown = JSON.parse(readFileSync(MODEL, 'utf8'));
  if (!isModel(model))
    throw new DiptychError('INPUT_UNREADABLE', 'the sentence model is damaged', { input: MODEL.pathname });
  const words = Object.entries(model.orthography).flatMap(([bits, list]) =>
    list.split('\t').map((word) => [word, Number(bits)] as const),
  );
  return {
    abbreviations: new Set(model.abbreviations),
    starters: new Set(model.starters),
    collocations: new Set(model.collocations),
    orthography: new Map(words),
  };
}

const NON_WORD = String.raw`[)";}\]*:@'({\[\u2018\u2019\u201c\u201d\xab\xbb?!]`;
const LONG_MARK = String.raw`(?:-{2,}|\.{2,}|(?:\.\s){2,}\.)`;
const WORD = new RegExp(
  String.raw`${LONG_MARK}|(?=[^("\x60{\[:;&#*@)}\]\-,])\S+?(?=\s|$|${NON_WORD}|${LONG_MARK}|,(?=$|\s|${NON_WORD}|${LONG_MARK}))|\S`,
  'gu',
);
const END = new RegExp(String.raw`[.?!](?=(?<after>${NON_WORD}|\s+(?<next>\S+)))`, 'gu');
const CLOSING = /^["')\]}\u2018\u2019\u201c\u201d\xab\xbb]+?(?:\s+|(?=--)|$)/mu;
const NUMBER = /^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$/u;
const INITIAL = /^[\p{L}\p{Nl}\p{No}_]\.$/u;

interface Token {
  readonly text: string;
  readonly type: string;
  breaks: boolean;
  abbreviation: boolean;
  ellipsis: boolean;
}

const isUpper = (text: string): boolean => /^[\p{Lu}\p{Lt}]/u.test(text);
const isLower = (text: string): boolean => /^\p{Ll}/u.test(text);
const withoutPeriod = (type: string): string =>
  type.length > 1 && type.endsWith('.') ? type.slice(0, -1) : type;
/** The type without the period that ends its sentence. */
const plainType = (token: Token): string => (token.breaks ? withoutPeriod(token.type) : token.type);

function readToken(text: string, { abbreviations }: Parameters): Token {
  const lower = text.toLowerCase();
  const token = {
    text,
    type: lower.replace(NUMBER, '##number##'),
    breaks: false,
    abbreviation: false,
    ellipsis: false,
  };
  if (text === '.' || text === '?' || text === '!') token.breaks = true;
  else if (/^\.\.+$/.test(text)) token.ellipsis = true;
  else if (text.endsWith('.') && !text.endsWith('..')) {
    const word = lower.slice(0, -1);
    const last = word.slice(word.lastIndexOf('-') + 1);
    token.abbreviation = abbreviations.has(word) || abbreviations.has(last);
    token.breaks = !token.abbreviation;
  }
  return token;
}

/** Whether a token looks like the first of a sentence: true, false, or null for unknown. */
function looksFirst(token: Token, { orthography }: Parameters): boolean | null {
  if (';:,.!?'.includes(token.text)) return false;
  const seen = orthography.get(plainType(token)) ?? 0;
  if (isUpper(token.text) && (seen & SEEN_LOWER) !== 0 && (seen & SEEN_INSIDE_UPPER) === 0) return true;
  if (isLower(token.text) && ((seen & SEEN_UPPER) !== 0 || (seen & SEEN_FIRST_LOWER) === 0)) return false;
  return null;
}

/** Looks at the next token to settle whether this one ends a sentence. */
function settle(token: Token, next: Token, model: Parameters): void {
  if (!token.text.endsWith('.')) return;
  const type = withoutPeriod(token.type);
  const nextType = plainType(next);
  const initial = INITIAL.test(token.text);
  const isAbbreviation = (): void => {
    token.breaks = false;
    token.abbreviation = true;
  };
  if (model.collocations.has(`${type} ${nextType}`)) {
    isAbbreviation();
    return;
  }
  if ((token.abbreviation || token.ellipsis) && !initial) {
    const starts = looksFirst(next, model) === true;
    if (starts || (isUpper(next.text) && model.starters.has(nextType))) {
      token.breaks = true;
      return;
    }
  }
  if (!initial && type !== '##number##') return;
  const first = looksFirst(next, model);
  const neverLower = ((model.orthography.get(nextType) ?? 0) & SEEN_LOWER) === 0;
  if (first === false || (first === null && initial && isUpper(next.text) && neverLower)) isAbbreviation();
}

function holdsBreak(context: string, model: Parameters): boolean {
  const tokens = context
    .split('\n')
    .flatMap((line) => (line.trim() === '' ? [] : (line.match(WORD) ?? [])))
    .map((text) => readToken(text, model));
  tokens.forEach((token, at) => {
    const next = tokens[at + 1];
    if (next !== undefined) settle(token, next, model);
  });
  return tokens.slice(0, -1).some((token) => token.breaks);
}

interface Candidate {
  readonly start: number;
  readonly end: number;
  readonly context: string;
  /** Where the next sentence would begin. */
  readonly next: number;
}

/** Possible ends, each with the word before and what follows; of touching ones the last. */
function candidates(text: string): Candidate[] {
  const found: Candidate[] = [];
  let before = { from: 0, to: 0 };
  let held: { candidate: Candidate; to: number } | null = null;
  for (const match of text.matchAll(END)) {
    const gap = text.slice(before.to, match.index).search(/[ \t\n\r\v\f][^ \t\n\r\v\f]*$/);
    const from = gap > 0 ? before.to + gap + 1 : before.from;
    if (held !== null && held.to <= from) found.push(held.candidate);
    const after = match.groups?.['after'] ?? '';
    const next = match.groups?.['next'];
    const end = match.index + 1;
    held = {
      candidate: {
        start: from,
        end,
        context: text.slice(from, end) + after,
        next: next === undefined ? end : end + after.length - next.length,
      },
      to: match.index,
    };
    before = { from, to: match.index };
  }
  if (held !== null) found.push(held.candidate);
  return found;
}

/** The sentences of an English text, as nltk.sent_tokenize splits them. */
export function splitSentences(text: string): string[] {
  const model = (parameters ??= load());
  const slices: (readonly [number, number])[] = [];
  let start = 0;
  for (const candidate of candidates(text)) {
    if (!holdsBreak(candidate.context, model)) continue;
    slices.push([start, candidate.end]);
    start = candidate.next;
  }
  slices.push([start, text.trimEnd().length]);

  // Quotes and brackets after the period still belong to its sentence.
  const sentences: string[] = [];
  let moved = 0;
  slices.forEach(([from, to], at) => {
    const first = from + moved;
    const following = slices[at + 1];
    moved = 0;
    if (following !== undefined) {
      const closing = CLOSING.exec(text.slice(...following))?.[0];
      if (closing !== undefined && text.slice(...following).startsWith(closing)) {
        sentences.push(text.slice(first, following[0] + closing.trimEnd().length));
        moved = closing.length;
        return;
      }
    }
    const sentence = text.slice(first, to);
    if (sentence !== '') sentences.push(sentence);
  });
  return sentences;
}
