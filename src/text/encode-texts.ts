import { toDiptychError } from '../errors.js';
import type { EncodedTexts } from './tokens.js';
import type { LongText, TokenizedText, Tokenizer } from './types.js';

/** Tokenizes a list; a text that cannot be is rejected by itself. */
export function encodeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  longText: LongText,
): EncodedTexts {
  const began = performance.now();
  const sequences: TokenizedText[] = [];
  const owners: number[] = [];
  const truncated = new Uint8Array(texts.length);
  const rejected: EncodedTexts['rejected'][number][] = [];
  texts.forEach((text, at) => {
    try {
      const parts = longText === 'pool' ? tokenizer.chunks(text) : tokenizer.tokenize([text], { longText });
      for (const part of parts) {
        sequences.push(part);
        owners.push(at);
        if (part.truncated && longText === 'truncate') truncated[at] = 1;
      }
    } catch (error) {
      const { code, message } = toDiptychError(error, 'BAD_INPUT');
      rejected.push({ text: at, code, message });
    }
  });
  const ends = new Int32Array(sequences.length);
  let total = 0;
  sequences.forEach(({ length }, at) => (ends[at] = total += length));
  const ids = new Int32Array(total);
  let to = 0;
  for (const sequence of sequences) {
    for (let at = 0; at < sequence.length; at++) ids[to++] = sequence.ids[at] ?? 0;
  }
  const milliseconds = performance.now() - began;
  return { ids, ends, texts: Int32Array.from(owners), truncated, rejected, milliseconds };
}
