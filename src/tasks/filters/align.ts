import { DiptychError } from '../../errors.js';
import { parseOptions, read } from '../../options.js';
import { pythonWords } from './python-text.js';

/** One image with one alt text. */
export interface AltText {
  /** Identity of the image: a URL or a hash. */
  readonly image: string;
  readonly text: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

export interface AlignOptions {
  /** Images with more alt texts are dropped. Default 1000. */
  readonly textsPerImage?: number;
  /** Alt texts shared by more images are dropped. Default 10. */
  readonly imagesPerText?: number;
  /** Default 3. */
  readonly leastWords?: number;
  /** Default 20. */
  readonly mostWords?: number;
  /** The shorter side must be longer than this, in pixels. Default 200. */
  readonly side?: number;
  /** Default 3; the aspect ratio must be below. */
  readonly aspect?: number;
  /** How many of the pool's most frequent unigrams and bigrams are not rare. Default 100 million. */
  readonly vocabulary?: number;
}

const atLeastZero = read.number((value) => value >= 0, 'a number of at least 0');

function parseAlign(given: AlignOptions): Required<AlignOptions> {
  const resolved = parseOptions<Required<AlignOptions>>(
    given,
    {
      textsPerImage: read.integer(1),
      imagesPerText: read.integer(1),
      leastWords: read.integer(0),
      mostWords: read.integer(1),
      side: atLeastZero,
      aspect: atLeastZero,
      vocabulary: read.integer(1),
    },
    {
      textsPerImage: 1000,
      imagesPerText: 10,
      leastWords: 3,
      mostWords: 20,
      side: 200,
      aspect: 3,
      vocabulary: 100_000_000,
    },
    'alignFilter options',
  );
  if (resolved.leastWords <= resolved.mostWords) return resolved;
  throw new DiptychError(
    'BAD_OPTION',
    `no text has at least ${String(resolved.leastWords)} and at most ${String(resolved.mostWords)} words`,
    { input: 'leastWords' },
  );
}

export type AlignReason = 'side' | 'aspect' | 'texts-per-image' | 'images-per-text' | 'words' | 'rare';

export interface AlignResult {
  /** Positions of the survivors. */
  readonly kept: readonly number[];
  /** The first reason that applied, and how many rows it took. */
  readonly dropped: Readonly<Record<AlignReason, number>>;
}

/** Unigrams, then bigrams, of a text as it is written. */
function grams(words: readonly string[]): string[] {
  return [...words, ...words.slice(1).map((word, at) => `${words[at] ?? ''} ${word}`)];
}

/**
 * ALIGN's cleaning of alt texts (Jia et al. 2021, section 3): image size and aspect, images with too many texts, texts
 * with too many images, too short or too long texts, and texts with a unigram or bigram outside the pool's most
 * frequent ones. Counts are taken over the whole pool before anything is dropped; grams as frequent as the last one of
 * the vocabulary belong to it too.
 *
 * @throws DiptychError BAD_OPTION.
 */
export function alignFilter(rows: readonly AltText[], options: AlignOptions = {}): AlignResult {
  const { textsPerImage, imagesPerText, leastWords, mostWords, side, aspect, vocabulary } =
    parseAlign(options);
  const texts = new Map<string, Set<string>>();
  const images = new Map<string, Set<string>>();
  const frequency = new Map<string, number>();
  const add = (map: Map<string, Set<string>>, key: string, value: string): void => {
    const set = map.get(key);
    if (set === undefined) map.set(key, new Set([value]));
    else set.add(value);
  };
  const words = rows.map((row) => pythonWords(row.text));
  rows.forEach((row, at) => {
    add(texts, row.image, row.text);
    add(images, row.text, row.image);
    for (const gram of grams(words[at] ?? [])) frequency.set(gram, (frequency.get(gram) ?? 0) + 1);
  });
  const ranked = Float64Array.from(frequency.values()).sort();
  const leastFrequency = ranked[Math.max(0, ranked.length - vocabulary)] ?? 0;

  const reasonOf = (row: AltText, own: readonly string[]): AlignReason | null => {
    const [short, long] = [Math.min(row.width, row.height), Math.max(row.width, row.height)];
    if (!(short > side)) return 'side';
    if (!(long / short < aspect)) return 'aspect';
    if ((texts.get(row.image)?.size ?? 0) > textsPerImage) return 'texts-per-image';
    if ((images.get(row.text)?.size ?? 0) > imagesPerText) return 'images-per-text';
    if (own.length < leastWords || own.length > mostWords) return 'words';
    return grams(own).some((gram) => (frequency.get(gram) ?? 0) < leastFrequency) ? 'rare' : null;
  };
  const dropped = { side: 0, aspect: 0, 'texts-per-image': 0, 'images-per-text': 0, words: 0, rare: 0 };
  const kept: number[] = [];
  rows.forEach((row, at) => {
    const reason = reasonOf(row, words[at] ?? []);
    if (reason === null) kept.push(at);
    else dropped[reason]++;
  });
  return { kept, dropped };
}
