export { loadModel } from './engine.js';
export { preprocess } from './image/preprocess.js';
export { cosineSimilarity } from './similarity/cosine.js';
export { topK } from './similarity/topk.js';
export { classify, buildClassifier } from './tasks/zero-shot.js';
export { DiptychError, errorCodes } from './errors.js';

export type { EmbedOptions, ImageInput, Model } from './engine.js';
export type { ErrorCode } from './errors.js';
export type { Interpolation, PreprocessSpec } from './image/spec.js';
export type { ModelDescription, Dtype } from './models/card.js';
export type { Device, ModelOptions } from './options.js';
export type { Embeddings } from './pipeline/collect.js';
export type { EmbeddedBatch, StreamItem } from './pipeline/stream.js';
export type { Failure, Notice } from './pipeline/types.js';
export type { Matrix, Rows } from './similarity/rows.js';
export type { LongText, TextCleaning, TokenizedText } from './text/types.js';
export type { Classification, Classifier, ClassifyOptions, Templates } from './tasks/zero-shot.js';
