import type { Encoder } from './encoder.js';
import { WordPiece } from './pieces/wordpiece.js';
import { lower, splitJoin } from './python.js';
import { category } from './unicode/categories.js';
import { classOf } from './unicode/ranges.js';
import { normalizePython } from './unicode/transform.js';

const python = (name: string): string => classOf(category('python', name) ?? []);

/** Controls and formats are dropped, private use is kept: the original code looks for Cc and Cf only. */
const DROPPED = new RegExp(`[${python('Cc')}${python('Cf')}\\ufffd]`, 'gu');
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const PUNCTUATION = new RegExp(`[!-/:-@[-\`{-~${python('P')}]`, 'gu');
const MARKS = new RegExp(`[${python('Mn')}]`, 'gu');
/** Space separators and the three controls that count as white space. */
const SPACES = /[ \t\n\r\p{Zs}]/gu;

/**
 * WordPiece as Google's original BERT code and cn_clip have it: words up to 200 characters, special tokens
 * are not recognised inside a text.
 */
export class GoogleBertEncoder implements Encoder {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly largestId: number;
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #model: WordPiece;

  constructor(vocabulary: ReadonlyMap<string, number>) {
    this.#vocabulary = vocabulary;
    this.largestId = vocabulary.size - 1;
    this.before = [vocabulary.get('[CLS]') ?? 101];
    this.after = [vocabulary.get('[SEP]') ?? 102];
    this.#model = new WordPiece(vocabulary, {
      prefix: '##',
      unknownId: vocabulary.get('[UNK]') ?? 100,
      maxCharacters: 200,
    });
  }

  idOf(token: string): number | undefined {
    return this.#vocabulary.get(token);
  }

  encode(text: string): number[] {
    const out: number[] = [];
    for (const word of words(text)) for (const id of this.#model.encode(word)) out.push(id);
    return out;
  }
}

function words(text: string): string[] {
  const clean = text.replace(DROPPED, (character) => (/[\t\n\r]/.test(character) ? character : ''));
  const spaced = splitJoin(clean.replace(SPACES, ' ').replace(CHINESE, ' $& '));
  if (spaced === '') return [];
  return spaced.split(' ').flatMap((word) => {
    const bare = normalizePython(lower(word), 'NFD').replace(MARKS, '');
    return splitJoin(bare.replace(PUNCTUATION, ' $& ')).split(' ');
  });
}
