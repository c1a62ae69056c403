import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DiptychError } from '../../errors.js';
import { asList, asNumber, asObject, at, readJson } from '../../models/json.js';
import type { Encoder } from '../encoder.js';

/** What is used of the library: its own declarations do not resolve under Node's rules for modules. */
interface Library {
  readonly Tokenizer: new (
    tokenizer: object,
    config: object,
  ) => {
    encode(
      text: string,
      options?: { readonly add_special_tokens: boolean },
    ): { readonly ids: readonly number[] };
    token_to_id(token: string): number | undefined;
  };
}

/** The library that reads what our own encoders do not. */
export const FOREIGN = '@huggingface/tokenizers';

/**
 * A tokenizer.json with parts that are not known here, read by @huggingface/tokenizers. Its ids are not checked
 * against the official Python, so `foreign` tells who reads the file, and why. Throws MODEL_UNSUPPORTED naming the
 * file where that library does not read it either.
 */
export async function loadForeign(file: string, why: string): Promise<Encoder> {
  const config = readJson(file);
  const beside = join(dirname(file), 'tokenizer_config.json');
  const library: Library = await import('@huggingface/tokenizers');
  const unsupported = (cause: unknown): DiptychError => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new DiptychError('MODEL_UNSUPPORTED', `${why}, nor to ${FOREIGN} (${reason})`, {
      input: file,
      cause,
    });
  };
  try {
    const tokenizer = new library.Tokenizer(config, existsSync(beside) ? readJson(beside) : {});
    const encode = (text: string): readonly number[] =>
      tokenizer.encode(text, { add_special_tokens: false }).ids;
    const plain = encode('a');
    const whole = tokenizer.encode('a').ids;
    const begin = whole.findIndex((_, from) => plain.every((id, at) => whole[from + at] === id));
    const largest = largestId(config);
    return {
      before: whole.slice(0, Math.max(begin, 0)),
      after: begin < 0 ? [] : whole.slice(begin + plain.length),
      largestId: largest,
      foreign: why,
      idOf: (token) => tokenizer.token_to_id(token),
      encode: (text) => {
        try {
          return encode(text);
        } catch (cause) {
          throw unsupported(cause);
        }
      },
    };
  } catch (cause) {
    throw cause instanceof DiptychError ? cause : unsupported(cause);
  }
}

function largestId(config: unknown): number {
  const vocabulary = at(config, 'model', 'vocab');
  const ids = Array.isArray(vocabulary) ? [vocabulary.length - 1] : Object.values(asObject(vocabulary));
  const added = asList(at(config, 'added_tokens')).map((entry) => at(entry, 'id'));
  let largest = -1;
  for (const id of [...ids, ...added]) largest = Math.max(largest, asNumber(id) ?? -1);
  return largest;
}
