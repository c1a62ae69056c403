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
import { spacedEntry } from '#diptych/tasks/metaclip/spacing.js';
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

describe('matching many texts', () => {
  const random = mersenne(9);
  const pick = <T>(from: readonly T[]): T => {
    const found = from[Math.floor(random() * from.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  };
  // Words on both sides of the 4 and 8 units that are compared at once, blanks, marks, scripts, halves of a pair.
  const words = ['a', 'cat', 'cats', 'horse', 'horsefly', 'horseflies', 'horsefliez', 'x'.repeat(40), ''];
  const odd = ['猫', '犬の', '\ud83d', '\ude00', '😀', 'ก', '\0', 'a\0', '\uffff'];
  const join = (parts: readonly string[], least: number, most: number): string =>
    Array.from({ length: least + Math.floor(random() * (most - least + 1)) }, () => pick(parts)).join(
      pick([' ', ' ', ' ', '  ', ',', '. ', '\t', '']),
    );
  const entries = [...new Set(Array.from({ length: 300 }, () => join([...words, ...odd], 1, 3)))].filter(
    (entry) => entry !== '',
  );
  entries.push(entries[0] ?? '', entries[0] ?? '', 'cat', 'cat');
  const texts = Array.from({ length: 700 }, () => join([...words, ...odd, ...entries], 0, 12));
  const spaced = (text: string): string =>
    ` ${text.replaceAll(/[,.;:?!`]/g, ' $& ').replaceAll(/[\t\n\r]/g, ' ')} `;
  test.each(['spaces', 'scripts'] as const)(
    '%s: what a plain search finds, text by text and at once',
    (rule) => {
      const padded = entries.map((entry) => spacedEntry(entry, rule));
      const matcher = new EntryMatcher(entries, rule);
      const { offsets, ids } = matcher.matchAll(texts);
      texts.forEach((text, row) => {
        const whole = spaced(text);
        const expected = padded.flatMap((entry, id) => (whole.includes(entry) ? [id] : []));
        expect(Array.from(ids.subarray(offsets[row], offsets[row + 1]))).toEqual(expected);
      });
      expect(texts.slice(0, 60).map((text) => matcher.match(text))).toEqual(
        texts.slice(0, 60).map((_, row) => Array.from(ids.subarray(offsets[row], offsets[row + 1]))),
      );
    },
  );
  test('more texts than one call of the addon takes, no texts, no entries', () => {
    const matcher = new EntryMatcher(['b', 'a']);
    const many = Array.from({ length: 5000 }, (_, row) =>
      row % 3 === 0 ? 'a' : row % 3 === 1 ? 'a, b' : '',
    );
    const { offsets, ids } = matcher.matchAll(many);
    expect([ids.length, offsets.length, offsets[5000]]).toEqual([5001, 5001, 5001]);
    expect(Array.from(ids.subarray(offsets[4999], offsets[5000]))).toEqual([0, 1]);
    expect(matcher.matchAll([])).toEqual({ offsets: Int32Array.of(0), ids: new Int32Array() });
    expect(new EntryMatcher([]).match('a')).toEqual([]);
  });
  test('what is no text is told', () => {
    const matcher = new EntryMatcher(['a']);
    expect(() => matcher.matchAll(['a', JSON.parse('7') as string])).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }),
    );
    expect(() => new EntryMatcher([''], 'scripts')).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
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
