import type { PreprocessSpec } from '../image/spec.js';
import type { TextCleaning } from '../text/types.js';

export type Dtype = 'fp32' | 'fp16' | 'int8';
/** How scores become probabilities: softmax over the labels (CLIP) or a sigmoid each (SigLIP). */
export type Activation = 'softmax' | 'sigmoid';

/** One ONNX graph of a model folder and how to call it. */
export interface GraphPlan {
  /** Absolute path of the .onnx file. */
  readonly file: string;
  readonly dtype: Dtype;
  /** Inputs by role; a role the graph lacks is undefined. */
  readonly inputs: {
    readonly pixels?: { readonly name: string; readonly type: 'float32' | 'float16' | 'uint8' };
    readonly ids?: { readonly name: string; readonly type: 'int64' | 'int32' };
    readonly mask?: { readonly name: string; readonly type: 'int64' | 'int32' };
    readonly tokenTypes?: { readonly name: string; readonly type: 'int64' | 'int32' };
    readonly positions?: { readonly name: string; readonly type: 'int64' | 'int32' };
  };
  /** Name of the output that holds the embedding of this tower. */
  readonly output: string;
  /** Output is [batch, vectors, dim] (BLIP-2's queries) where this is > 1. */
  readonly vectors: number;
  /** Whether the graph L2-normalises its output. */
  readonly normalized: boolean;
  /** Fixed batch size of the graph, or null where the batch axis is free. */
  readonly fixedBatch: number | null;
  /** Fixed sequence length of the graph, or null where it is free. */
  readonly fixedLength: number | null;
}

/** How texts become ids for this model. */
export interface TextPlan {
  readonly contextLength: number;
  readonly padId: number;
  /** Pad every text to the context length (SigLIP, BERT families of the official code) or to the longest of the batch. */
  readonly padTo: 'context' | 'longest';
  /** Whether the official code makes an attention mask. */
  readonly mask: boolean;
  readonly cleaning: Exclude<TextCleaning, 'auto'>;
  /** Shortening the padding of a batch leaves the embedding unchanged (causal CLIP, masked BERT). */
  readonly bucketable: boolean;
  /** Folder files that define the vocabulary. */
  readonly files: Readonly<Record<string, string>>;
  /** Which rules turn text into ids. */
  readonly kind: 'clip-bpe' | 'tokenizer-json' | 'bert-wordpiece' | 'sentencepiece';
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
  /** The factor itself (exp already taken); null where nothing in the folder or the registry tells it. */
  readonly logitScale: number | null;
  readonly logitBias: number | null;
  /** Where scale and bias came from, for run.json. */
  readonly logitScaleSource: string | null;
  readonly activation: Activation;
  /** Contradictions that do not stop the model, one sentence each. */
  readonly warnings: readonly string[];
}
