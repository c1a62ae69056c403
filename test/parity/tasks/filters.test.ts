import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { alignFilter } from '#diptych/tasks/filters/align.js';
import { mersenne } from '#diptych/tasks/mersenne.js';
import {
  atLeast,
  isBasic,
  isImageBasedCaption,
  isLaion,
  isTextBased,
  scoreThreshold,
} from '#diptych/tasks/filters/datacomp.js';
import { linearScores, nearTargets, pairScores } from '#diptych/tasks/filters/scores.js';
import { combineUids, uidsFromNpy, uidsToNpy } from '#diptych/tasks/filters/uids.js';
import { WordNet } from '#diptych/tasks/wordnet.js';
import { local } from '../../support/fixtures.js';

interface Golden {
  readonly wordnet: Record<
    string,
    { offset: number; pos: string; definition: string; lemmas: string[]; hypernyms: number[] }[]
  >;
  readonly names: string[];
  readonly rows: {
    uid: string;
    text: string;
    original_width: number;
    original_height: number;
    clip_b32_similarity_score: number;
    clip_l14_similarity_score: number;
    language: string;
  }[];
  readonly features: number[];
  readonly centroids: number[];
  readonly targets: number[];
  readonly entities: number[];
  readonly thresholds: Record<string, number>;
  readonly results: Record<string, string[]>;
}

const folder = join(local, 'tasks', 'filters');
const golden = JSON.parse(readFileSync(join(folder, 'filters.json'), 'utf8')) as Golden;
const wordnet = new WordNet(join(folder, 'dict'));
const rows = golden.rows.map((row) => ({ ...row, width: row.original_width, height: row.original_height }));
const uidsOf = (keep: (row: (typeof rows)[number]) => boolean): string[] =>
  rows.flatMap((row) => (keep(row) ? [row.uid] : [])).sort();
const features = (data: number[]): { data: Float32Array; rows: number; dim: number } => ({
  data: Float32Array.from(data),
  rows: data.length / 8,
  dim: 8,
});

describe('WordNet is asked as NLTK asks it', () => {
  test.each(Object.entries(golden.wordnet))('%s', (word, expected) => {
    const found = wordnet.synsets(word).map(({ offset, pos, definition, lemmas, hypernyms }) => ({
      offset,
      pos,
      definition,
      lemmas,
      hypernyms: hypernyms.map((up) => up.offset),
    }));
    expect(found).toEqual(expected);
  });
  test('names of all synsets', () => {
    expect(wordnet.synsetNames()).toEqual(golden.names);
  });
  test('a path to the root', () => {
    const [bernard] = wordnet.synsets('st._bernard');
    if (bernard === undefined) throw new Error('not found');
    expect(wordnet.hypernymPath(bernard)).toEqual(['St._Bernard', 'dog', 'animal', 'thing']);
  });
  test('a folder without WordNet is told', () => {
    expect(() => new WordNet('/nowhere')).toThrow(expect.objectContaining({ code: 'INPUT_NOT_FOUND' }));
  });
});

describe("DataComp's filters keep the same uids", () => {
  test('basic, and its file byte for byte', () => {
    const uids = uidsOf(isBasic);
    expect(uids).toEqual(golden.results['basic']);
    const file = readFileSync(join(folder, 'basic.npy'));
    expect(Buffer.from(uidsToNpy(uids)).equals(file)).toBe(true);
    expect(uidsFromNpy(file)).toEqual(uids);
  });
  test('text_based', () => {
    const offsets = new Set(golden.entities);
    expect(uidsOf((row) => isTextBased(row, offsets, wordnet))).toEqual(golden.results['text_based']);
  });
  test('laion2b', () => {
    expect(uidsOf((row) => isLaion(row.clip_b32_similarity_score, row.language))).toEqual(
      golden.results['laion2b'],
    );
  });
  test('clip_score by fraction', () => {
    const scores = rows.map((row) => row.clip_l14_similarity_score);
    for (const [fraction, threshold] of Object.entries(golden.thresholds))
      expect(scoreThreshold(scores, Number(fraction))).toBe(threshold);
    const kept = atLeast(scores, scoreThreshold(scores, 0.3)).map((at) => rows[at]?.uid ?? '');
    expect(kept.sort()).toEqual(golden.results['clip_score_l14_30']);
    expect(() => scoreThreshold(scores, 1)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });
  test('image_based', async () => {
    const near = new Set(
      await nearTargets(features(golden.features), features(golden.centroids), features(golden.targets)),
    );
    const kept = rows.flatMap((row, at) => (near.has(at) && isImageBasedCaption(row) ? [row.uid] : []));
    expect(kept.sort()).toEqual(golden.results['image_based']);
  });
});

test('set algebra of uids', () => {
  const uid = (digit: string): string => digit.repeat(32);
  const [a, b, c] = [uid('a'), uid('b'), uid('C')];
  expect(combineUids('union', [b, a], [c])).toEqual([a, b, uid('c')]);
  expect(combineUids('intersection', [a, b, c], [c, a], [uid('c')])).toEqual([uid('c')]);
  expect(combineUids('difference', [a, b, b], [a])).toEqual([b]);
  expect(() => combineUids('union', ['xyz'])).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
});

test("ALIGN's rules, each on its own row", () => {
  const good = { image: 'i0', text: 'one two three', width: 300, height: 300 };
  const pool = [
    good,
    { ...good, image: 'i1', height: 200 },
    { ...good, image: 'i2', width: 900 },
    { ...good, image: 'i3', text: 'one two' },
    { ...good, image: 'i4', text: 'one two unheard' },
    { ...good, image: 'busy', text: 'one two three .' },
    { ...good, image: 'busy', text: 'one two three . .' },
    { ...good, image: 'x1', text: 'stock photo here' },
    { ...good, image: 'x2', text: 'stock photo here' },
    { ...good, image: 'x3', text: 'stock photo here' },
  ];
  const result = alignFilter(pool, { textsPerImage: 1, imagesPerText: 3, vocabulary: 5 });
  // "one", "two", "one two", "three" and "two three" are the five most frequent grams: 8, 8, 8, 6, 6 times.
  expect(result).toEqual({
    kept: [0],
    dropped: { side: 1, aspect: 1, 'texts-per-image': 2, 'images-per-text': 0, words: 1, rare: 4 },
  });
  const strict = alignFilter(pool, { imagesPerText: 2, vocabulary: 1000 });
  expect(strict.dropped['images-per-text']).toBe(4);
});

test("ALIGN's rules on a made-up pool: the survivors of the paper's sentences, read out one by one", () => {
  const random = mersenne(31);
  const whole = (most: number): number => Math.floor(most * random() ** 2);
  const pool = Array.from({ length: 500 }, () => ({
    image: `image ${String(whole(120))}`,
    text: Array.from({ length: 1 + whole(9) }, () => `w${String(whole(40))}`).join(
      random() < 0.1 ? '  ' : ' ',
    ),
    width: 100 + whole(900),
    height: 100 + whole(900),
  }));
  const options = {
    textsPerImage: 12,
    imagesPerText: 3,
    leastWords: 2,
    mostWords: 6,
    side: 150,
    aspect: 2.5,
  };
  for (const vocabulary of [60, 150, 10_000]) {
    const grams = (text: string): string[] => {
      const words = text.split(/\s+/);
      return words.flatMap((word, at) => (at === 0 ? [word] : [word, `${words[at - 1] ?? ''} ${word}`]));
    };
    const counts = new Map<string, number>();
    for (const gram of pool.flatMap(({ text }) => grams(text))) counts.set(gram, (counts.get(gram) ?? 0) + 1);
    const last = [...counts.values()].sort((a, b) => b - a)[Math.min(vocabulary, counts.size) - 1] ?? 0;
    const others = (key: 'image' | 'text', of: 'image' | 'text', row: (typeof pool)[number]): number =>
      new Set(pool.filter((one) => one[key] === row[key]).map((one) => one[of])).size;
    const survivors = pool.flatMap((row, at) => {
      const words = row.text.split(/\s+/).length;
      const keeps =
        Math.min(row.width, row.height) > options.side &&
        Math.max(row.width, row.height) / Math.min(row.width, row.height) < options.aspect &&
        others('image', 'text', row) <= options.textsPerImage &&
        others('text', 'image', row) <= options.imagesPerText &&
        words >= options.leastWords &&
        words <= options.mostWords &&
        grams(row.text).every((gram) => (counts.get(gram) ?? 0) >= last);
      return keeps ? [at] : [];
    });
    const { kept, dropped } = alignFilter(pool, { ...options, vocabulary });
    expect(kept).toEqual(survivors);
    expect(kept.length).toBeGreaterThan(0);
    expect(Object.values(dropped).reduce((sum, count) => sum + count, kept.length)).toBe(pool.length);
  }
  expect(() => alignFilter(pool, { leastWords: 5, mostWords: 4 })).toThrow(
    expect.objectContaining({ code: 'BAD_OPTION' }),
  );
});

test('scores of pairs and of a linear head', async () => {
  const a = { data: Float32Array.of(1, 0, 3, 4, 0, 0), rows: 3, dim: 2 };
  const b = { data: Float32Array.of(2, 0, 4, 3, 1, 1), rows: 3, dim: 2 };
  expect(Array.from(pairScores(a, b))).toEqual([1, Math.fround(0.96), 0]);
  const scores = await linearScores(a, { weights: Float32Array.of(2, -1), bias: 0.5 });
  expect(Array.from(scores)).toEqual([2.5, 2.5, 0.5]);
  expect(() => pairScores(a, { data: b.data, rows: 2, dim: 3 })).toThrow(
    expect.objectContaining({ code: 'DIMENSION_MISMATCH' }),
  );
});
