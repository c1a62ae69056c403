import { readFileSync } from 'node:fs';
import { DiptychError } from '../../errors.js';
import { asList, asNumber, asObject, asString, at, readJson } from '../../models/json.js';

/** A WordPiece vocabulary read backwards: ids to text. */
export interface Words {
  /** The text of ids, special tokens left out, as transformers' decode(skip_special_tokens=True). */
  decode(ids: readonly number[]): string;
}

const SPECIAL = new Set(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);

/** English that WordPiece takes apart and the official decoder puts together again. */
const TOGETHER: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function tidy(text: string): string {
  return TOGETHER.reduce((tidied, [from, to]) => tidied.replaceAll(from, to), text);
}

interface Vocabulary {
  /** Whether the file asks for tidying (the official default). */
  readonly cleanup: boolean;
  readonly tokens: ReadonlyMap<number, string>;
  readonly special: ReadonlySet<number>;
}

function readTokenizerJson(file: string): Vocabulary {
  const json = readJson(file);
  const tokens = new Map<number, string>();
  const special = new Set<number>();
  for (const [token, id] of Object.entries(asObject(at(json, 'model', 'vocab')))) {
    if (typeof id === 'number') tokens.set(id, token);
  }
  for (const entry of asList(json['added_tokens'])) {
    const id = asNumber(at(entry, 'id'));
    if (id === undefined) continue;
    tokens.set(id, asString(at(entry, 'content')) ?? '');
    if (at(entry, 'special') === true) special.add(id);
  }
  return { tokens, special, cleanup: at(json, 'decoder', 'cleanup') !== false };
}

function readVocabTxt(file: string): Vocabulary {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  const tokens = new Map(lines.map((token, id) => [id, token] as const));
  const special = new Set([...tokens].flatMap(([id, token]) => (SPECIAL.has(token) ? [id] : [])));
  return { tokens, special, cleanup: true };
}

/**
 * Reads a BERT vocabulary for decoding: tokenizer.json or vocab.txt. `extra` are further ids to leave out (the start
 * token, where the file does not say that it is special). Throws MODEL_INVALID.
 */
export function readWords(file: string, extra: readonly number[] = []): Words {
  const { tokens, special, cleanup } = file.endsWith('.json') ? readTokenizerJson(file) : readVocabTxt(file);
  if (tokens.size === 0) {
    throw new DiptychError('MODEL_INVALID', 'holds no vocabulary; fetch it again', { input: file });
  }
  const skipped = new Set([...special, ...extra]);
  return {
    decode: (ids) => {
      const pieces = ids.filter((id) => !skipped.has(id)).map((id) => tokens.get(id) ?? '');
      // The official decoder tidies each piece with its leading space, so that matches never span two words.
      const joined = pieces.map((piece, index) => {
        const spaced = index === 0 ? piece : piece.startsWith('##') ? piece.slice(2) : ` ${piece}`;
        return cleanup ? tidy(spaced) : spaced;
      });
      return joined.join('');
    },
  };
}
