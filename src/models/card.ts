import type { PreprocessSpec } from '../image/spec.js';
import type { CleaningRule, TextCleaning } from '../text/types.js';

/** Precision that a user asks for; `int8` covers `_int8`, `_quantized` and `_uint8`. */
export type Dtype = 'fp32' | 'fp16' | 'int8';
/** Precision of a graph's weights, as its file is named. */
export const GRAPH_DTYPES = ['fp32', 'fp16', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4'] as const;
export type GraphDtype = (typeof GRAPH_DTYPES)[number];
/** How scores become probabilities: softmax over the labels (CLIP) or a sigmoid each (SigLIP). */
export type Activation = 'softmax' | 'sigmoid';

export interface FloatInput {
  readonly name: string;
  readonly type: 'float32' | 'float16' | 'uint8';
}

export interface IntegerInput {
  readonly name: string;
  readonly type: 'int64' | 'int32';
}

/** Inputs of a graph by role; a role the graph lacks, or this tower does not use, is absent. */
export interface GraphInputs {
  readonly pixels?: FloatInput;
  readonly ids?: IntegerInput;
  readonly mask?: IntegerInput;
  readonly tokenTypes?: IntegerInput;
  readonly positions?: IntegerInput;
  /** Image tokens [batch, tokens, width] from the vision graph's `hidden` output (BLIP's ITM and decoder). */
  readonly encoderStates?: FloatInput;
  readonly encoderMask?: IntegerInput;
}

/** An input that the graph demands but this tower does not use: feed zeros of these sizes. */
export interface IdleInput {
  readonly name: string;
  readonly type: 'float32' | 'float16' | 'uint8' | 'int64' | 'int32' | 'bool';
  /** `batch` where the graph shares one batch axis among all inputs. */
  readonly dims: readonly (number | 'batch')[];
}

/** One ONNX graph of a model folder and how to call it. */
export interface GraphPlan {
  /** Absolute path of the .onnx file. */
  readonly file: string;
  readonly dtype: GraphDtype;
  readonly inputs: GraphInputs;
  readonly idle: readonly IdleInput[];
  /** Output that holds this tower's embedding, [batch, dim] or [batch, vectors, dim]; its element type. */
  readonly output: string;
  readonly outputType: 'float32' | 'float16';
  /** False where the graph has no embedding: `output` is then its token states (BLIP's captioner). */
  readonly embeds: boolean;
  /** Output is [batch, vectors, dim] (BLIP-2's queries) where this is > 1. */
  readonly vectors: number;
  /** Whether the graph L2-normalises its output. */
  readonly normalized: boolean;
  /** Fixed batch size of the graph, or null where the batch axis is free. */
  readonly fixedBatch: number | null;
  /** Fixed sequence length of the graph, or null where it is free. */
  readonly fixedLength: number | null;
  /** Activations are rounded to 8 bits: padding changes the numbers of the tokens beside it. */
  readonly roundsActivations: boolean;
  /** Outputs [batch, tokens, width] with token states: after the last layer, and before it. */
  readonly hidden: { readonly last: string | null; readonly penultimate: string | null };
  /** Output [batch, width] before the projection, where the graph has one beside the embedding. */
  readonly pooled: string | null;
  /** External data files that belong to the graph, absolute paths. */
  readonly external: readonly string[];
}

/** How texts become ids for this model. */
export interface TextPlan {
  readonly contextLength: number;
  readonly padId: number;
  /** Pad every text to the context length, or to the longest of the batch. */
  readonly padTo: 'context' | 'longest';
  /** Whether the official code makes an attention mask. */
  readonly mask: boolean;
  readonly cleaning: CleaningRule;
  /** Shortening the padding of a batch leaves the embedding unchanged (causal CLIP, masked BERT). */
  readonly bucketable: boolean;
  /** Folder files that define the vocabulary: `tokenizer`, `vocab`, `merges`, `model`. */
  readonly files: Readonly<Record<string, string>>;
  /**
   * Which rules turn text into ids: `clip-bpe` is openai/CLIP's and open_clip's SimpleTokenizer, `clip-hf`
   * Hugging Face's CLIP tokenizer from vocab.json and merges.txt, `bert-hf` and `bert-google` WordPiece from a
   * vocab.txt or tokenizer.json, `sentencepiece` a .model file, `tokenizer-json` all that the file says.
   */
  readonly kind: 'clip-bpe' | 'clip-hf' | 'tokenizer-json' | 'bert-hf' | 'bert-google' | 'sentencepiece';
  /** Rows of the model's token embedding: a larger id means that the tokenizer is another model's. */
  readonly vocabularySize: number | null;
  /** Tokens whose ids open_clip overwrites with 0 (CLIPA's `strip_sep_token`). */
  readonly zeroed: readonly string[];
  /** How SimpleTokenizer spells the special tokens inside a text. */
  readonly spelling: 'openai' | 'open_clip';
}

/** The image-text matching head of BLIP and BLIP-2: logits [batch, 2], match is the second. */
export interface MatchPlan {
  readonly graph: GraphPlan;
  /** First token as Hugging Face feeds it ([CLS]) and as Salesforce does ([ENC]; null where there is none). */
  readonly clsId: number;
  readonly encId: number | null;
}

/** A text decoder for captions: logits [batch, tokens, vocabulary]. */
export interface CaptionPlan {
  readonly graph: GraphPlan;
  /** The graph for the steps after the first, over a key/value cache; null where the export has none beside `graph`. */
  readonly withPast: string | null;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  readonly maxPositions: number;
  /** Vocabulary file that turns ids back into words. */
  readonly vocabulary: string;
}

/** A model folder, read and understood: all that the engine needs, as data. */
export interface ModelDescription {
  readonly name: string;
  readonly family: string;
  readonly layout: string;
  readonly folder: string;
  readonly embeddingDim: number | null;
  readonly image: { readonly spec: PreprocessSpec; readonly graph: GraphPlan } | null;
  readonly text: { readonly plan: TextPlan; readonly graph: GraphPlan } | null;
  readonly match: MatchPlan | null;
  readonly caption: CaptionPlan | null;
  /** How one image and one text are scored: cosine, or the largest over the image's vectors (BLIP-2). */
  readonly scoring: 'cosine' | 'max-cosine';
  /** The factor itself (exp already taken); null where nothing in the folder or the registry tells it. */
  readonly logitScale: number | null;
  readonly logitBias: number | null;
  /** Where scale and bias came from, for run.json. */
  readonly logitScaleSource: string | null;
  readonly activation: Activation;
  /** Every dtype for which the folder has all the graphs. */
  readonly dtypes: readonly GraphDtype[];
  /** Contradictions that do not stop the model, one sentence each. */
  readonly warnings: readonly string[];
}

/** What a caller may settle about a model folder. */
export interface DescribeOptions {
  /** Default auto: fp32, else the most precise there is. */
  readonly dtype?: GraphDtype | 'auto';
  readonly textCleaning?: TextCleaning;
  readonly logitScale?: number;
  readonly logitBias?: number;
  /** Folder of bundled models; default `models/` beside the package. */
  readonly bundled?: string;
}
