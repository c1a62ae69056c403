import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { asObject, at, readJson } from '../models/json.js';
import { packageRoot } from './host.js';
import { randomGenerator } from './statistics.js';

/** A kind of tokenizer, and the model folder of the repository that shows it. */
export interface TokenizerKind {
  readonly name: string;
  readonly folder: string;
  /** Ids of one text, padding included. */
  readonly length: number;
  readonly script: 'latin' | 'han';
}

const KINDS: readonly TokenizerKind[] = [
  { name: 'CLIP BPE', folder: 'clip-vit', length: 77, script: 'latin' },
  { name: 'BERT WordPiece', folder: 'blip-itm', length: 35, script: 'latin' },
  { name: 'Chinese WordPiece', folder: 'chinese-clip', length: 52, script: 'han' },
  { name: 'SigLIP unigram', folder: 'siglip', length: 64, script: 'latin' },
  { name: 'Gemma BPE', folder: 'siglip2', length: 64, script: 'latin' },
];

/** The kinds whose folders are here (an installed package has none of them), with their paths. */
export function tokenizerKinds(): TokenizerKind[] {
  return KINDS.map((kind) => ({
    ...kind,
    folder: join(packageRoot, 'test', 'fixtures', 'families', kind.folder),
  })).filter(({ folder }) => existsSync(join(folder, 'tokenizer.json')));
}

const WORDS = { latin: /^\u2581?([a-z]{2,})(<\/w>)?$/, han: /^(\p{Script=Han})$/u } as const;
/** Draws are squared and more: few words make most of a text, as in any language. */
const SKEW = 2.5;

/** Words of a tokenizer's own vocabulary, without its marks for the start or the end of a word. */
function vocabularyWords({ folder, script }: TokenizerKind): string[] {
  const vocabulary = at(readJson(join(folder, 'tokenizer.json')), 'model', 'vocab');
  const pieces = Array.isArray(vocabulary)
    ? vocabulary.map((entry: unknown) => (Array.isArray(entry) ? String(entry[0]) : ''))
    : Object.keys(asObject(vocabulary));
  const words = pieces.map((piece) => WORDS[script].exec(piece)?.[1]).filter((word) => word !== undefined);
  return [...new Set(words)];
}

/**
 * Captions of 4 to 17 words, always the same: most words are whole tokens, some are two run together (which the
 * vocabulary has in pieces only), numbers, genitives, or end with a comma. Lower case, since SigLIP 2's official
 * tokenizer lower-cases and its tokenizer.json, which peers read, does not.
 */
export function captions(kind: TokenizerKind, count: number): string[] {
  const words = vocabularyWords(kind);
  const random = randomGenerator(7);
  const draw = (): string => words[Math.floor(words.length * random() ** SKEW)] ?? '';
  const [space, stop] = kind.script === 'han' ? ['', '\u3002'] : [' ', '.'];
  return Array.from({ length: count }, () => {
    const length = 4 + Math.floor(random() * 14);
    const made = Array.from({ length }, () => {
      const [word, what] = [draw(), random()];
      if (what < 0.06) return word + draw();
      if (what < 0.09) return String(Math.floor(random() * 2000));
      if (what < 0.12) return `${word},`;
      return what < 0.13 && kind.script === 'latin' ? `${word}'s` : word;
    });
    return made.join(space) + (random() < 0.4 ? stop : '');
  });
}
