import { splitSentences } from './sentences.js';

/**
 * The Penn Treebank's way of splitting words (Robert MacIntyre's rules, with NLTK's changes): punctuation and
 * contractions come off, the period only at the end of a sentence. Each rule is [what to find, what to put there].
 */
type Rule = readonly [RegExp, string];

const OPENING_QUOTES: readonly Rule[] = [
  [/([«“‘„]|`+)/gu, ' $1 '],
  [/^"/gu, '``'],
  [/(``)/gu, ' $1 '],
  [/([ ([{<])("|'{2})/gu, '$1 `` '],
  [/(?<![\p{L}\p{N}_])(')(?!(?:re|ve|ll|m|t|s|d|n)(?![\p{L}\p{N}_]))(?=[\p{L}\p{N}_])/giu, '$1 '],
];

const PUNCTUATION: readonly Rule[] = [
  [/([^.])(\.)([\])}>"'»”’ ]*)\s*$/gu, '$1 $2 $3 '],
  [/([:,])([^\p{Nd}])/gu, ' $1 $2'],
  [/([:,])$/gu, ' $1 '],
  [/\.{2,}/gu, ' $& '],
  [/[;@#$%&]/gu, ' $& '],
  [/[\u2012-\u2015]/gu, ' $& '],
  [/([^.])(\.)([\])}>"']*)\s*$/gu, '$1 $2$3 '],
  [/[?!]/gu, ' $& '],
  [/([^'])' /gu, "$1 ' "],
  [/[*]/gu, ' $& '],
  [/[\][(){}<>]/gu, ' $& '],
  [/--/gu, ' -- '],
];

const CLOSING_QUOTES: readonly Rule[] = [
  [/([»”’])/gu, ' $1 '],
  [/''/gu, " '' "],
  [/"/gu, " '' "],
  [/\s+/gu, ' '],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /gu, '$1 $2 '],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, '$1 $2 '],
];

/** Two words written as one: both halves, in any case. */
const JOINED = ['can not', "d 'ye", 'gim me', 'gon na', 'got ta', 'lem me', "more 'n"].map((pair): Rule => {
  const [first = '', second = ''] = pair.split(' ');
  return [new RegExp(`(?<![\\p{L}\\p{N}_])(${first})(${second})(?![\\p{L}\\p{N}_])`, 'giu'), ' $1 $2 '];
});
const CONTRACTIONS: readonly Rule[] = [
  ...JOINED,
  [/(?<![\p{L}\p{N}_])(wan)(na)(?=\s)/giu, ' $1 $2 '],
  [/ ('t)(is)(?![\p{L}\p{N}_])/giu, ' $1 $2 '],
  [/ ('t)(was)(?![\p{L}\p{N}_])/giu, ' $1 $2 '],
];

const apply = (text: string, rules: readonly Rule[]): string =>
  rules.reduce((now, [find, put]) => now.replace(find, put), text);

/** The words of one sentence. */
function sentenceWords(sentence: string): string[] {
  const spaced = ` ${apply(sentence, [...OPENING_QUOTES, ...PUNCTUATION])} `;
  return apply(spaced, [...CLOSING_QUOTES, ...CONTRACTIONS])
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** Words and punctuation of an English text, as nltk.word_tokenize gives them. */
export function splitWords(text: string): string[] {
  return splitSentences(text).flatMap(sentenceWords);
}
