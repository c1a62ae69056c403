import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { mersenne } from '#diptych/tasks/mersenne.js';
import {
  countEntries,
  entryProbabilities,
  keepsAny,
  keepsOfShard,
  keepsPair,
  tailShare,
  thresholdForShare,
} from '#diptych/tasks/metaclip/balance.js';
import { EntryMatcher } from '#diptych/tasks/metaclip/matcher.js';
import { bigramInformation, buildLanguageMetadata, buildMetadata } from '#diptych/tasks/metaclip/metadata.js';
import { local } from '../../support/fixtures.js';

type Counts = Record<string, number>;
interface Golden {
  readonly entries: string[];
  readonly texts: string[];
  readonly matches: number[][];
  readonly script_entries: string[];
  readonly script_texts: string[];
  readonly script_matches: number[][];
  readonly t: number;
  readonly counts: number[];
  readonly probabilities: number[];
  readonly kept: number[];
  readonly kept_pairs: number[];
  readonly kept_shard: number[];
  readonly stream: number[];
  readonly numpy_stream: number[];
  readonly tail_share: [number, number][];
  readonly thresholds: [number, number][];
  readonly metadata: {
    unigrams: Counts;
    bigrams: Counts;
    titles: Counts;
    made: { unigrams: string[]; bigrams: string[]; titles: string[] };
    pmi: Counts;
  };
  readonly languages: Record<
    string,
    {
      wordnet: string[];
      unigram: Counts;
      bigram: Counts;
      pmi: [string, number][];
      titles: Counts;
      has_wordnet: boolean;
      entries: string[];
    }
  >;
}

const golden = JSON.parse(readFileSync(join(local, 'tasks', 'metaclip.json'), 'utf8')) as Golden;
const map = (counts: Counts): Map<string, number> => new Map(Object.entries(counts));

describe("matching is MetaCLIP's", () => {
  test('MetaCLIP 1: spaces around every entry', () => {
    const matcher = new EntryMatcher(golden.entries);
    expect(golden.texts.map((text) => matcher.match(text))).toEqual(golden.matches);
  });
  test('MetaCLIP 2: no spaces in scripts that have none', () => {
    const matcher = new EntryMatcher(golden.script_entries, 'scripts');
    expect(golden.script_texts.map((text) => matcher.match(text))).toEqual(golden.script_matches);
  });
});

test("the streams are Python's and NumPy's", () => {
  const python = mersenne(2 ** 40 + 7);
  expect(golden.stream.map(() => python())).toEqual(golden.stream);
  const numpy = mersenne(42, 'numpy');
  expect(golden.numpy_stream.map(() => numpy())).toEqual(golden.numpy_stream);
});

describe('balancing keeps the same texts on the same random numbers', () => {
  const counts = countEntries(golden.matches, golden.entries.length);
  const probabilities = entryProbabilities(counts, golden.t);
  test('counts, probabilities, thresholds', () => {
    expect(Array.from(counts)).toEqual(golden.counts);
    expect(Array.from(probabilities)).toEqual(golden.probabilities);
    for (const [t, share] of golden.tail_share) expect(tailShare(counts, t)).toBeCloseTo(share, 12);
    for (const [share, t] of golden.thresholds) expect(thresholdForShare(counts, share)).toBe(t);
  });
  const kept = (keep: typeof keepsAny, seed: number): number[] => {
    const random = mersenne(seed);
    return golden.matches.flatMap((ids, text) => (keep(ids, probabilities, random) ? [text] : []));
  };
  test('MetaCLIP 1, text by text', () => {
    expect(kept(keepsAny, 11)).toEqual(golden.kept);
  });
  test('MetaCLIP 2, one draw a pair', () => {
    expect(kept(keepsPair, 12)).toEqual(golden.kept_pairs);
  });
  test('MetaCLIP 1, a shard at once', () => {
    expect(keepsOfShard(golden.matches, probabilities, mersenne(13, 'numpy'))).toEqual(golden.kept_shard);
  });
});

describe('metadata', () => {
  test("MetaCLIP 1's sources, with NLTK's mutual information", () => {
    const { unigrams, bigrams, titles, made, pmi } = golden.metadata;
    const scores = bigramInformation(map(unigrams), map(bigrams));
    expect([...scores.keys()].sort()).toEqual(Object.keys(pmi).sort());
    for (const [pair, bits] of scores) expect(bits).toBeCloseTo(pmi[pair] ?? NaN, 9);
    const entries = buildMetadata({ unigrams: map(unigrams), bigrams: map(bigrams), titles: map(titles) });
    const numbers = Array.from({ length: 100 }, (_, n) => String(n));
    const expected = new Set([...numbers, ...made.unigrams, ...made.bigrams, ...made.titles]);
    for (const left of ['', ',']) expected.delete(left);
    expect(new Set(entries)).toEqual(expected);
    expect(made.bigrams.length).toBeGreaterThan(10);
  });
  test.each(Object.entries(golden.languages))('MetaCLIP 2: %s', (language, source) => {
    const entries = buildLanguageMetadata(language, {
      wordnet: source.has_wordnet ? source.wordnet : [],
      unigrams: map(source.unigram),
      bigrams: Object.keys(source.bigram).length,
      information: new Map(source.pmi),
      titles: map(source.titles),
    });
    expect(entries).toEqual(source.entries);
  });
});
