import type { Encoder } from './encoder.js';
import { WordPiece } from './pieces/wordpiece.js';
import { lower, splitJoin } from './python.js';

/** Controls and formats are dropped, private use is kept: the original code looks for Cc and Cf only. */
const DROPPED = /[\p{Cc}\p{Cf}\ufffd]/gu;
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu;
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
    const bare = lower(word)
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '');
    return splitJoin(bare.replace(PUNCTUATION, ' $& ')).split(' ');
  });
}
