import type { ErrorCode, ErrorParts } from '../errors.js';
import type { LongText } from './types.js';

/** Token ids of many texts in flat arrays, as they travel between threads: no object per text or token. */
export interface EncodedTexts {
  /** Ids of all sequences, one after the other: special tokens included, padding not. */
  readonly ids: Int32Array;
  /** Sequence s is `ids[ends[s - 1]]` (0 for the first) up to `ids[ends[s]]`. */
  readonly ends: Int32Array;
  /** Sequence -> position of its text; a text has several only with `longText: 'pool'`. */
  readonly texts: Int32Array;
  /** 1 for each text that was cut to the context. */
  readonly truncated: Uint8Array;
  /** Texts without a sequence, and why. */
  readonly rejected: readonly { readonly text: number; readonly code: ErrorCode; readonly message: string }[];
  readonly milliseconds: number;
}

/** Tokenizes off the event loop. */
export interface TextEncoding {
  /** Throws MODEL_INVALID or MODEL_UNSUPPORTED where the vocabulary cannot be read, CLOSED after closing. */
  encode(texts: readonly string[], longText: LongText): Promise<EncodedTexts>;
}

/** What a tokenizer's thread is asked. */
export interface EncodeRequest {
  readonly id: number;
  readonly texts: readonly string[];
  readonly longText: LongText;
}

/** What it answers; `failed` ends it. */
export type EncodeReply =
  | { readonly type: 'encoded'; readonly id: number; readonly encoded: EncodedTexts }
  | ({ readonly type: 'failed' } & ErrorParts);
