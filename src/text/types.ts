/** Which mending a text gets before the tokenizer; `auto` is what the official Python does for that folder's layout. */
export type TextCleaning = 'auto' | 'none' | 'openai' | 'open_clip' | 'canonicalize';
/** What happens to a text longer than the context: an error, a cut (end token kept), or chunks averaged by the engine. */
export type LongText = 'error' | 'truncate' | 'pool';

export interface TokenizedText {
  readonly text: string;
  /** Ids as fed to the model: special tokens included, cut to the context length, padded where the family pads. */
  readonly ids: readonly number[];
  /** 1 for tokens, 0 for padding; null where the family uses no mask. */
  readonly attentionMask: readonly number[] | null;
  /** Tokens before the padding, special tokens included. */
  readonly length: number;
  readonly truncated: boolean;
}

export interface TokenizeOptions {
  readonly longText?: LongText;
  /** Pad to the context length (default: what the family's official code does). */
  readonly pad?: boolean;
}

export interface Tokenizer {
  readonly contextLength: number;
  readonly padId: number;
  /** Ids of a batch of texts. Throws TEXT_TOO_LONG only with `longText: 'error'`. */
  tokenize(texts: readonly string[], options?: TokenizeOptions): TokenizedText[];
  /** Chunks of one long text, each within the context (for `longText: 'pool'`). */
  chunks(text: string): TokenizedText[];
}
