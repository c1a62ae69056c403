import { DiptychError } from '../errors.js';
import { parseOptions, read } from '../options.js';
import type { Embeddings } from '../pipeline/collect.js';
import type { ImageBytes } from '../pipeline/images.js';
import type { Failure, Indexed, Notice } from '../pipeline/types.js';
import { logitsOf } from '../similarity/logits.js';
import type { Matrix } from '../similarity/rows.js';
import type { ImageStates } from './generate/decoder.js';
import { imageStates, type HeadHost, type HeadSessions } from './heads.js';
import { Matcher, matchProbability, readFirstToken, type FirstToken } from './match.js';

export interface RerankOptions {
  /** How many of each query's best by cosine the matching head looks at. Default 128, as BLIP on Flickr (COCO: 256). */
  readonly k?: number;
  /** What asks and what is ranked. Default `text-to-image`. */
  readonly direction?: 'text-to-image' | 'image-to-text';
  /** Default `enc` as BLIP's evaluation, or `cls` where the vocabulary has no [ENC] (BLIP-2). */
  readonly firstToken?: FirstToken;
  readonly signal?: AbortSignal;
}

export interface RankedCandidate {
  /** Position in the list of images (or texts) that was passed in. */
  readonly index: number;
  /** The head's match logit plus the cosine: what BLIP's evaluation ranks by. */
  readonly score: number;
  /** Cosine of the two embeddings (BLIP-2: the largest over the query vectors). */
  readonly cosine: number;
  /** Probability of the matching head. */
  readonly probability: number;
}

export interface Ranking {
  /** Position of the query in what was passed in. */
  readonly query: number;
  /** The reranked candidates, best first. */
  readonly candidates: readonly RankedCandidate[];
}

export interface Reranked {
  readonly rankings: readonly Ranking[];
  /** Scores, queries x candidates, -100 where the head did not look: BLIP's score matrix. Rows and columns close ranks. */
  readonly scores: Matrix;
  readonly direction: 'text-to-image' | 'image-to-text';
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

/** What BLIP's evaluation gives to pairs that the matching head never saw. */
const UNSEEN = -100;

export interface RerankInputs {
  readonly images: readonly Indexed<ImageBytes>[];
  readonly texts: readonly string[];
  readonly imageEmbeddings: Embeddings;
  readonly textEmbeddings: Embeddings;
}

/** Columns of the k largest cosines of each query; the lower position first where two are equal. */
function shortlist(cosines: Matrix, byImage: boolean, k: number): number[][] {
  const queries = byImage ? cosines.rows : cosines.columns;
  const candidates = byImage ? cosines.columns : cosines.rows;
  const at = (query: number, candidate: number): number =>
    cosines.data[byImage ? query * cosines.columns + candidate : candidate * cosines.columns + query] ?? 0;
  return Array.from({ length: queries }, (_, query) =>
    Array.from({ length: candidates }, (_unused, candidate) => candidate)
      .sort((a, b) => at(query, b) - at(query, a) || a - b)
      .slice(0, k),
  );
}

/** Parses {@link RerankOptions}; `k` and direction are needed before the embeddings are. */
export function parseRerankOptions(given: RerankOptions | undefined, hasEnc: boolean) {
  return parseOptions<{
    k: number;
    direction: 'text-to-image' | 'image-to-text';
    firstToken: FirstToken;
    signal: AbortSignal | null;
  }>(
    given,
    {
      k: read.integer(1),
      direction: read.oneOf('text-to-image', 'image-to-text'),
      firstToken: readFirstToken,
      signal: read.signal,
    },
    { k: 128, direction: 'text-to-image', firstToken: hasEnc ? 'enc' : 'cls', signal: null },
    'rerank options',
  );
}

/**
 * Ranks by embeddings first, then lets the matching head judge each query's k best, as BLIP's retrieval evaluation
 * does (salesforce/BLIP train_retrieval.py): score = match logit + cosine. Throws MODEL_UNSUPPORTED, BAD_OPTION.
 */
export async function rerank(
  host: HeadHost,
  sessions: HeadSessions,
  inputs: RerankInputs,
  options: ReturnType<typeof parseRerankOptions>,
): Promise<Reranked> {
  const { images, texts, imageEmbeddings, textEmbeddings } = inputs;
  const signal = options.signal ?? undefined;
  const matcher = await Matcher.open(host, sessions, texts, options.firstToken);
  const cosines = await logitsOf(imageEmbeddings, textEmbeddings, { scale: 1, bias: 0 });
  const byImage = options.direction === 'image-to-text';
  const short = shortlist(cosines, byImage, options.k);
  const textsOf = invert(short, byImage, imageEmbeddings.rows);

  const scores = new Float32Array(imageEmbeddings.rows * textEmbeddings.rows).fill(UNSEEN);
  const probabilities = new Float32Array(scores.length);
  const rowOf = new Map(imageEmbeddings.indices.map((index, row) => [index, row]));
  const wanted = images.filter(({ index }) => (textsOf[rowOf.get(index) ?? -1] ?? []).length > 0);
  const columns = textEmbeddings.rows;
  for await (const batch of imageStates(host, wanted, signal)) {
    const cells = batch.states.flatMap((states, at) => {
      const row = rowOf.get(batch.indices[at] ?? -1) ?? 0;
      return (textsOf[row] ?? []).map((column) => ({ states, row, column }));
    });
    const pairs = cells.map(({ states, column }): readonly [ImageStates, number] => [
      states,
      textEmbeddings.indices[column] ?? 0,
    ]);
    const logits = await matcher.logits(pairs, signal);
    cells.forEach(({ row, column }, pair) => {
      const [no, yes] = [logits[2 * pair] ?? 0, logits[2 * pair + 1] ?? 0];
      scores[row * columns + column] = yes + (cosines.data[row * columns + column] ?? 0);
      probabilities[row * columns + column] = matchProbability(no, yes);
    });
  }
  const queries = byImage ? imageEmbeddings : textEmbeddings;
  const candidates = byImage ? textEmbeddings : imageEmbeddings;
  const cell = (query: number, candidate: number): number =>
    byImage ? query * columns + candidate : candidate * columns + query;
  const rankings = short.map((list, query): Ranking => {
    const ranked = list.map((candidate) => ({
      index: candidates.indices[candidate] ?? 0,
      score: scores[cell(query, candidate)] ?? UNSEEN,
      cosine: cosines.data[cell(query, candidate)] ?? 0,
      probability: probabilities[cell(query, candidate)] ?? 0,
    }));
    // Stable: equals stay in the order of their cosines.
    ranked.sort((a, b) => b.score - a.score);
    return { query: queries.indices[query] ?? 0, candidates: ranked };
  });
  const data = new Float32Array(scores.length);
  for (let query = 0; query < queries.rows; query++) {
    for (let candidate = 0; candidate < candidates.rows; candidate++) {
      data[query * candidates.rows + candidate] = scores[cell(query, candidate)] ?? UNSEEN;
    }
  }
  return {
    rankings,
    scores: { data, rows: queries.rows, columns: candidates.rows },
    direction: options.direction,
    failures: [...imageEmbeddings.failures, ...textEmbeddings.failures],
    notices: [...imageEmbeddings.notices, ...textEmbeddings.notices],
  };
}

/** Shortlists by query -> texts to be matched with each image. */
function invert(short: readonly (readonly number[])[], byImage: boolean, images: number): number[][] {
  if (byImage) return short.map((list) => [...list]);
  const textsOf: number[][] = Array.from({ length: images }, () => []);
  short.forEach((list, text) => {
    for (const image of list) textsOf[image]?.push(text);
  });
  return textsOf;
}

/** Throws MODEL_UNSUPPORTED for a model that cannot rerank, before anything is embedded. */
export function checkRerank(host: HeadHost): void {
  if (host.description.match !== null && host.description.text !== null) return;
  throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no matching head; use BLIP or BLIP-2', {
    input: host.description.name,
  });
}
