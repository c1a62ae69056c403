import { asBoolean, asList, asNumber, asObject, asString, at } from '../../models/json.js';
import { Bpe } from '../pieces/bpe.js';
import { Unigram } from '../pieces/unigram.js';
import { WordPiece } from '../pieces/wordpiece.js';

/** The `model` of a tokenizer.json: pieces of one pre-token. */
export interface PieceModel {
  encode(word: string): readonly number[];
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Pre-tokens may be cut before each of these marks without changing the ids (none: they may not). */
  readonly cut: string | null;
}

/** Compiles the `model` of a tokenizer.json. Throws RangeError naming what is missing or not known. */
export function compileModel(config: unknown): PieceModel {
  const type = asString(at(config, 'type')) ?? guessType(config);
  if (type === 'BPE') return compileBpe(config);
  if (type === 'WordPiece') {
    const vocabulary = readVocabulary(config);
    const model = new WordPiece(vocabulary, {
      prefix: asString(at(config, 'continuing_subword_prefix')) ?? '##',
      maxCharacters: asNumber(at(config, 'max_input_chars_per_word')) ?? 100,
      unknownId: vocabulary.get(asString(at(config, 'unk_token')) ?? '[UNK]') ?? 0,
    });
    return { encode: (word) => model.encode(word), vocabulary, cut: null };
  }
  if (type === 'Unigram') return compileUnigram(config);
  throw new RangeError(`model "${String(type)}"`);
}

/** Old files name no type. */
function guessType(config: unknown): string | undefined {
  if (Array.isArray(at(config, 'merges'))) return 'BPE';
  if (Array.isArray(at(config, 'vocab'))) return 'Unigram';
  return at(config, 'continuing_subword_prefix') === undefined ? undefined : 'WordPiece';
}

function readVocabulary(config: unknown): Map<string, number> {
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(asObject(at(config, 'vocab')))) {
    if (typeof id === 'number') vocabulary.set(token, id);
  }
  if (vocabulary.size === 0) throw new RangeError('an empty vocabulary');
  return vocabulary;
}

/** Merges come as "a b" strings or as ["a", "b"] pairs: both exist on the hub. */
export function readMerges(value: unknown): [string, string][] {
  const merges: [string, string][] = [];
  for (const entry of asList(value)) {
    if (typeof entry === 'string') {
      const space = entry.indexOf(' ');
      if (space > 0) merges.push([entry.slice(0, space), entry.slice(space + 1)]);
    } else {
      const left = asString(at(entry, 0));
      const right = asString(at(entry, 1));
      if (left !== undefined && right !== undefined) merges.push([left, right]);
    }
  }
  return merges;
}

function compileBpe(config: unknown): PieceModel {
  const vocabulary = readVocabulary(config);
  const unknown = asString(at(config, 'unk_token'));
  const merges = readMerges(at(config, 'merges'));
  if (merges.length === 0) throw new RangeError('BPE without merges');
  const model = new Bpe(vocabulary, merges, {
    endOfWord: asString(at(config, 'end_of_word_suffix')) ?? '',
    byteFallback: asBoolean(at(config, 'byte_fallback')) ?? false,
    fuseUnknown: asBoolean(at(config, 'fuse_unk')) ?? false,
    ignoreMerges: asBoolean(at(config, 'ignore_merges')) ?? false,
    unknownId: unknown === undefined ? undefined : vocabulary.get(unknown),
  });
  const suffix = asString(at(config, 'end_of_word_suffix')) ?? '';
  return { encode: (word) => model.encode(word), vocabulary, cut: suffix === '' ? cutMark(merges) : null };
}

/**
 * Gemma's tokenizer takes a whole text as one word. Where no merge ever joins something to a following
 * U+2581 (but for runs of them), words can be merged one by one, which is the same and can be cached.
 */
function cutMark(merges: readonly (readonly [string, string])[]): string | null {
  const mark = '\u2581';
  return merges.every(([left, right]) => !right.startsWith(mark) || left.endsWith(mark)) ? mark : null;
}

function compileUnigram(config: unknown): PieceModel {
  const pieces: [string, number][] = [];
  const vocabulary = new Map<string, number>();
  for (const entry of asList(at(config, 'vocab'))) {
    const piece = asString(at(entry, 0));
    const score = asNumber(at(entry, 1));
    if (piece === undefined || score === undefined) throw new RangeError('a broken unigram vocabulary');
    vocabulary.set(piece, pieces.length);
    pieces.push([piece, score]);
  }
  if (pieces.length === 0) throw new RangeError('an empty vocabulary');
  const model = new Unigram(pieces, {
    unknownId: asNumber(at(config, 'unk_id')) ?? 0,
    byteFallback: asBoolean(at(config, 'byte_fallback')) ?? false,
    fuseUnknown: true,
  });
  return { encode: (word) => model.encode(word), vocabulary, cut: null };
}
