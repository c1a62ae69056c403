export { loadModel } from './engine.js';
export { preprocess } from './image/preprocess.js';
export { cosineSimilarity } from './similarity/cosine.js';
export { openCorpus, prepareCorpus } from './similarity/corpus.js';
export { mapRows, topKFile } from './similarity/file.js';
export { logitsOf as logits } from './similarity/logits.js';
export { rangeSearch, similarPairs } from './similarity/range.js';
export { centroid, meanRow, normalizeRows, rank, rowNorms } from './similarity/reduce.js';
export { topK } from './similarity/topk.js';
export { classify } from './tasks/zero-shot.js';
export {
  buildClassifier,
  buildPromptClassifier,
  classPrompts,
  loadClassifier,
  saveClassifier,
} from './tasks/classifier.js';
export { datasetClasses, datasetTemplates, templateSets } from './tasks/templates.js';
export { DiptychError, errorCodes } from './errors.js';

export type { EmbedOptions, ImageInput, Model } from './engine.js';
export type { ErrorCode } from './errors.js';
export type { Interpolation, PreprocessSpec } from './image/spec.js';
export type { ModelDescription, Dtype } from './models/card.js';
export type { Device, ModelOptions } from './options.js';
export type { Embeddings } from './pipeline/collect.js';
export type { EmbeddedBatch, StreamItem } from './pipeline/stream.js';
export type { Failure, Notice } from './pipeline/types.js';
export type { PreparedCorpus } from './similarity/corpus.js';
export type { MapOptions, TopKFileOptions } from './similarity/file.js';
export type { Pairs, RangeOptions } from './similarity/range.js';
export type { LogitOptions } from './similarity/logits.js';
export type { AnyRows, Matrix, Rows } from './similarity/rows.js';
export type { Hits, TopKOptions } from './similarity/topk.js';
export type { LongText, TextCleaning, TokenizedText } from './text/types.js';
export type { ClassName, Classifier, Templates } from './tasks/classifier.js';
export type { Classification, ClassifyOptions } from './tasks/zero-shot.js';
export type { Caption, Captions } from './tasks/caption.js';
export type { CaptionOptions } from './tasks/generate/options.js';
export type { FirstToken, Matches, MatchOptions } from './tasks/match.js';
export type { RankedCandidate, Ranking, Reranked, RerankOptions } from './tasks/rerank.js';
export { listModels, modelInfo } from './models/catalog.js';
export { pullModel } from './models/pull.js';
export type { Pulled, PullOptions, PullProgress } from './models/pull.js';
export type { ListOptions, ModelInfo } from './models/catalog.js';
export type { OnnxSource, RegistryCard } from './models/registry.js';
export { adapt, applyAdapter } from './tasks/adapt.js';
export { exportAdapted } from './tasks/adapt-export.js';
export {
  direction,
  directionalSimilarity,
  groupMeans,
  meanDirection,
  moveAlong,
  patchHeatMap,
  rankCandidates,
} from './tasks/arithmetic.js';
export { blipModels, capFilt } from './tasks/capfilt.js';
export { writeBootstrapped } from './tasks/capfilt-shard.js';
export { clipLoss, siglipLoss } from './tasks/contrastive.js';
export { openCifar10, openEmoji, openFashionMnist, openImageFolder, openMnist } from './tasks/datasets.js';
export { benchmarkRecord, evaluateProbe, evaluateZeroShot } from './tasks/evaluate.js';
export { evaluateRetrieval, type CaptionedImage } from './tasks/evaluate-retrieval.js';
export { takeRows } from './tasks/features.js';
export { fewShot, searchTipAdapter, tipAdapterLogits } from './tasks/few-shot.js';
export { alignFilter } from './tasks/filters/align.js';
export {
  atLeast,
  isBasic,
  isImageBasedCaption,
  isLaion,
  isTextBased,
  scoreThreshold,
} from './tasks/filters/datacomp.js';
export { filterPool } from './tasks/filters/pool.js';
export { linearScores, nearTargets, pairScores, parseLinearHead } from './tasks/filters/scores.js';
export { filterShards } from './tasks/filters/shards.js';
export { combineUids, uidsFromNpy, uidsToNpy } from './tasks/filters/uids.js';
export { assignClusters } from './tasks/centroids.js';
export { kMeans } from './tasks/kmeans.js';
export { miniBatchKMeans } from './tasks/mini-batch.js';
export { multiCrop } from './tasks/multi-crop.js';
export { balancedSample } from './tasks/balanced.js';
export { knowledgePrompts, parseKnowledge, wordnetKnowledge } from './tasks/knowledge/klite.js';
export { mersenne } from './tasks/mersenne.js';
export {
  countEntries,
  entryProbabilities,
  keepsAny,
  keepsOfShard,
  keepsPair,
  tailShare,
  thresholdForShare,
} from './tasks/metaclip/balance.js';
export { curatePool } from './tasks/metaclip/curate.js';
export { EntryMatcher, type EntryMatches } from './tasks/metaclip/matcher.js';
export { bigramInformation, buildLanguageMetadata, buildMetadata } from './tasks/metaclip/metadata.js';
export {
  classificationMetrics,
  confusionShares,
  labelMoves,
  meanAveragePrecision,
  robustness,
} from './tasks/metrics.js';
export { applyProbe, fitProbe, probeAccuracy, sweepProbe } from './tasks/probe.js';
export { Residual } from './tasks/residual.js';
export { benchmarkMetrics, retrievalFromScores, retrievalMetrics } from './tasks/retrieval.js';
export { WordNet } from './tasks/wordnet.js';
export { verifyModel, type VerifyOptions } from './verify.js';
export type { CheckRow, CheckState, VerifyReport } from './tasks/verify/types.js';
