/** Which mending a text gets before the tokenizer; `auto` is what the official Python does for that folder's layout. */
export const TEXT_CLEANINGS = [
  'auto',
  'none',
  'openai',
  'open_clip',
  'canonicalize',
  'hf_slow',
  'cn_clip',
] as const;
/**
 * `openai` and `open_clip`: ftfy, HTML unescape, white space, lower case, as those repositories' tokenizers;
 * `canonicalize`: open_clip's for SigLIP (punctuation removed too); `none`: the folder's tokenizer alone;
 * `hf_slow`: transformers 4's slow CLIP tokenizer with ftfy installed; `cn_clip`: OFA-Sys/Chinese-CLIP's own.
 */
export type TextCleaning = (typeof TEXT_CLEANINGS)[number];
/** What a text goes through before its tokenizer, once `auto` is settled. See clean/clean.ts. */
export type CleaningRule =
  'none' | 'openai' | 'open_clip' | 'whitespace' | 'canonicalize' | 'hf_slow' | 'lower';
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
  /** Default truncate. */
  readonly longText?: LongText;
  /**
   * Pad to the context length (default: what the family's official code does; where that pads to the longest
   * of the batch, texts padded alone stay as they are).
   */
  readonly pad?: boolean;
}

export interface Tokenizer {
  readonly contextLength: number;
  readonly padId: number;
  /** Why @huggingface/tokenizers reads the tokenizer.json and not Diptych's own encoders; null where those do. */
  readonly foreign: string | null;
  /** Ids of a batch of texts. Throws TEXT_TOO_LONG only with `longText: 'error'`. */
  tokenize(texts: readonly string[], options?: TokenizeOptions): TokenizedText[];
  /** Chunks of one long text, each within the context (for `longText: 'pool'`). */
  chunks(text: string): TokenizedText[];
  /** Id of a token of the vocabulary ("[ENC]"), or undefined. */
  idOf(token: string): number | undefined;
}
