import { DiptychError } from '../../errors.js';

/** Where MetaCLIP's entries come from, as counts of the user's own corpus. */
export interface MetadataSources {
  /** Names of WordNet synsets (`WordNet.synsetNames`). */
  readonly wordnet?: Iterable<string>;
  readonly unigrams?: ReadonlyMap<string, number>;
  /** "first second" -> count. */
  readonly bigrams?: ReadonlyMap<string, number>;
  /** Title -> views. */
  readonly titles?: ReadonlyMap<string, number>;
}

export interface MetadataOptions {
  /** Least count of a unigram. Default 100. */
  readonly unigramCount?: number;
  /** Least pointwise mutual information of a bigram, in bits. Default 30. */
  readonly bigramPmi?: number;
  /** Least views of a title. Default 70. */
  readonly titleViews?: number;
}

const ASCII_PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const PUNCTUATION = new Set([...ASCII_PUNCTUATION, ...'，。、；：？¿！“”‘’（）【】《》〈〉「」『』～—']);
const DIGIT_ENTRIES = 100;

/** Pointwise mutual information of each bigram in bits (Church and Hanks 1990), as NLTK scores collocations. */
export function bigramInformation(
  unigrams: ReadonlyMap<string, number>,
  bigrams: ReadonlyMap<string, number>,
): Map<string, number> {
  let total = 0;
  for (const count of unigrams.values()) total += count;
  const scores = new Map<string, number>();
  for (const [pair, count] of bigrams) {
    const gap = pair.indexOf(' ');
    const first = unigrams.get(pair.slice(0, gap));
    const second = unigrams.get(pair.slice(gap + 1));
    if (gap < 1 || gap === pair.length - 1) {
      throw new DiptychError('BAD_INPUT', 'expected two words with a space between them', { input: pair });
    }
    // A word that was never counted says nothing about the pair.
    if (first === undefined || second === undefined || count <= 0 || first <= 0 || second <= 0) continue;
    scores.set(pair, Math.log2(count * total) - Math.log2(first * second));
  }
  return scores;
}

/**
 * MetaCLIP 1's metadata: the numbers 0 to 99, WordNet synsets, unigrams of at least 100 occurrences, bigrams of at
 * least 30 bits of mutual information, titles of at least 70 views; single marks of punctuation are left out. In that
 * order, each entry once.
 */
export function buildMetadata(sources: MetadataSources, options: MetadataOptions = {}): string[] {
  const { unigramCount = 100, bigramPmi = 30, titleViews = 70 } = options;
  const unigrams = sources.unigrams ?? new Map<string, number>();
  const information = bigramInformation(unigrams, sources.bigrams ?? new Map<string, number>());
  const atLeast = (counts: ReadonlyMap<string, number>, least: number): string[] =>
    [...counts].flatMap(([name, count]) => (count >= least ? [name] : []));
  const entries = new Set(Array.from({ length: DIGIT_ENTRIES }, (_, n) => String(n)));
  const candidates = [
    ...(sources.wordnet ?? []),
    ...atLeast(unigrams, unigramCount),
    ...atLeast(information, bigramPmi),
    ...atLeast(sources.titles ?? new Map<string, number>(), titleViews),
  ];
  for (const entry of candidates) {
    const isMark = entry.length === 1 && ASCII_PUNCTUATION.includes(entry);
    if (entry !== '' && !isMark) entries.add(entry);
  }
  return [...entries];
}

/** Languages whose bigrams join without a space. */
const UNSPACED_LANGUAGES = new Set('bo dz ja km lo my ryu th zh zh_classical zh_yue'.split(' '));
const MOST_UNIGRAMS = 251_465;
const MOST_BIGRAMS = 100_646;
const MOST_TITLES = 61_235;
const UNIGRAM_SHARE = 0.1;
const TITLE_SHARE = 0.76;
const BIGRAM_BITS = 30;
const LONGEST_ENTRY = 256;

/** Sources of one language for MetaCLIP 2; `information` is each bigram's mutual information in bits. */
export interface LanguageSources {
  readonly wordnet?: Iterable<string>;
  readonly unigrams: ReadonlyMap<string, number>;
  readonly bigrams: number;
  readonly information: ReadonlyMap<string, number>;
  readonly titles: ReadonlyMap<string, number>;
}

/**
 * MetaCLIP 2's metadata of one language (other than English, which keeps MetaCLIP 1's): WordNet, then the most
 * frequent tenth of the unigrams, bigrams over 30 bits, and the most viewed 76 % of the titles, each capped at the
 * number that English has; nothing over 256 characters, nothing that is punctuation alone.
 */
export function buildLanguageMetadata(language: string, sources: LanguageSources): string[] {
  const entries = new Set(Array.from({ length: DIGIT_ENTRIES }, (_, n) => String(n)));
  const isMarks = (text: string): boolean => [...text].every((char) => PUNCTUATION.has(char));
  for (const name of sources.wordnet ?? []) {
    const plain = ['zh', 'ja', 'fr'].includes(language) ? name.replaceAll('+', '') : name;
    const entry = plain.trim();
    if (entry !== '' && !isMarks(entry)) entries.add(entry);
  }
  const add = (ranked: readonly string[], most: number): void => {
    let added = 0;
    for (const name of ranked) {
      const entry = name.trim();
      if (entry === '' || [...entry].length > LONGEST_ENTRY || isMarks(entry) || entries.has(entry)) continue;
      entries.add(entry);
      // Counted after adding, as there: a cap of 0 still lets one in.
      if (++added >= most) return;
    }
  };
  const ranked = (counts: ReadonlyMap<string, number>): string[] =>
    [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
  add(ranked(sources.unigrams), Math.min(MOST_UNIGRAMS, Math.trunc(sources.unigrams.size * UNIGRAM_SHARE)));
  const strong = new Map([...sources.information].filter(([, bits]) => bits > BIGRAM_BITS));
  const join = (pair: string): string => (UNSPACED_LANGUAGES.has(language) ? pair.replaceAll(' ', '') : pair);
  add(ranked(strong).map(join), Math.min(MOST_BIGRAMS, sources.bigrams));
  add(ranked(sources.titles), Math.min(MOST_TITLES, Math.trunc(sources.titles.size * TITLE_SHARE)));
  return [...entries];
}
