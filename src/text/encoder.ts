/** Turns one text into ids, special tokens apart: what every tokenizer kind boils down to. */
export interface Encoder {
  /** Ids of the text without the special tokens around it, uncut. */
  encode(text: string): readonly number[];
  /** Special tokens before and after every text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** A text that ends with the end token already gets no second one (SigLIP's Python tokenizer). */
  readonly dropsRepeatedEnd?: boolean;
  /** Why @huggingface/tokenizers reads the file and not an encoder of our own; absent where one does. */
  readonly foreign?: string;
  /** Largest id that can come out. */
  readonly largestId: number;
  /** Id of a token of the vocabulary, or undefined. */
  idOf(token: string): number | undefined;
}
