import { DiptychError } from '../errors.js';
import type { Model } from '../engine.js';
import type { Failure } from '../pipeline/types.js';
import { logitsOf, probabilitiesOf } from '../similarity/logits.js';
import type { LabelledImages } from './datasets.js';
import { takeRows, type Features } from './features.js';
import { fewShot } from './few-shot.js';
import { classificationMetrics, type ClassificationMetrics } from './metrics.js';
import { fitProbe, probeAccuracy } from './probe.js';
import { retrievalMetrics, type RetrievalMetrics } from './retrieval.js';
import { buildClassifier, type Classifier, type Templates } from './classifier.js';

export interface EvaluateOptions {
  /** Default: the test set's own. */
  readonly templates?: Templates;
  /** A finished class matrix instead: one row for each class of the set, in its order. */
  readonly classifier?: Classifier;
  /** Look at the first rows only. */
  readonly limit?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Evaluation {
  readonly suite: string;
  readonly classes: readonly string[];
  readonly metrics: ClassificationMetrics;
  /** Recall both ways, where every class has just one image (emoji); else null. */
  readonly retrieval: RetrievalMetrics | null;
  readonly failures: readonly Failure[];
  readonly seconds: number;
}

/** The row of each class, or null where a class has no row or several. */
function rowOfClass(labels: Int32Array, classes: number): Int32Array | null {
  if (labels.length !== classes) return null;
  const rows = new Int32Array(classes).fill(-1);
  labels.forEach((label, row) => {
    rows[label] = row;
  });
  return rows.includes(-1) ? null : rows;
}

const GROUP = 256;

/** Embeds the images of a set; broken ones have no row and no label. */
export async function embedDataset(
  model: Model,
  set: LabelledImages,
  options: EvaluateOptions = {},
): Promise<{ features: Features; labels: Int32Array; failures: Failure[] }> {
  const total = Math.min(set.rows, options.limit ?? set.rows);
  const parts: Float32Array[] = [];
  const labels: number[] = [];
  const failures: Failure[] = [];
  let dim = 0;
  for (let from = 0; from < total; from += GROUP) {
    const count = Math.min(GROUP, total - from);
    const images = Array.from({ length: count }, (_, at) => set.image(from + at));
    const embedded = await model.embedImages(
      images,
      options.signal === undefined ? {} : { signal: options.signal },
    );
    parts.push(embedded.data);
    dim = embedded.dim;
    for (const index of embedded.indices) labels.push(set.labels[from + index] ?? 0);
    failures.push(...embedded.failures.map((failure) => ({ ...failure, index: from + failure.index })));
    options.onProgress?.(from + count, total);
  }
  const data = new Float32Array(labels.length * dim);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { features: { data, rows: labels.length, dim }, labels: Int32Array.from(labels), failures };
}

/** Zero-shot accuracy of a model on a labelled set. Throws BAD_INPUT when no image could be read. */
export async function evaluateZeroShot(
  model: Model,
  set: LabelledImages,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const start = performance.now();
  const classifier =
    options.classifier ??
    (await buildClassifier(model, set.classes, options.templates ?? set.templates, options.signal));
  if (classifier.rows !== set.classes.length) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `the classifier has ${String(classifier.rows)} classes, the set ${String(set.classes.length)}`,
      { input: set.name },
    );
  }
  const { features, labels, failures } = await embedDataset(model, set, options);
  if (features.rows === 0)
    throw new DiptychError('BAD_INPUT', 'no image of it could be read', { input: set.name });
  const { logitScale, logitBias, activation } = model.description;
  const logits = await logitsOf(features, classifier, { scale: logitScale ?? 1, bias: logitBias ?? 0 });
  const metrics = classificationMetrics(logits, labels, probabilitiesOf(logits, activation));
  const owners = rowOfClass(labels, set.classes.length);
  const retrieval = owners === null ? null : await retrievalMetrics(features, classifier, owners);
  return {
    suite: set.name,
    classes: set.classes,
    metrics,
    retrieval,
    failures,
    seconds: (performance.now() - start) / 1000,
  };
}

export interface ProbeEvaluation {
  readonly suite: string;
  readonly accuracy: number;
  readonly trainRows: number;
  readonly testRows: number;
  readonly seconds: number;
}

/** Linear-probe accuracy: fitted on one set (or k rows a class of it), measured on the other. */
export async function evaluateProbe(
  model: Model,
  train: LabelledImages,
  test: LabelledImages,
  options: EvaluateOptions & {
    readonly c?: number;
    readonly shots?: number;
    readonly seed?: number;
    readonly trainLimit?: number;
  } = {},
): Promise<ProbeEvaluation> {
  const start = performance.now();
  const { trainLimit } = options;
  const fitted = await embedDataset(model, train, {
    ...options,
    ...(trainLimit === undefined ? {} : { limit: trainLimit }),
  });
  const rows = options.shots === undefined ? null : fewShot(fitted.labels, options.shots, options.seed ?? 0);
  const features = rows === null ? fitted.features : takeRows(fitted.features, rows);
  const labels = rows === null ? fitted.labels : rows.map((row) => fitted.labels[row] ?? 0);
  const probe = await fitProbe(features, labels, { c: options.c ?? 0.316, signal: options.signal });
  const measured = await embedDataset(model, test, options);
  return {
    suite: test.name,
    accuracy: await probeAccuracy(probe, measured.features, measured.labels),
    trainRows: features.rows,
    testRows: measured.features.rows,
    seconds: (performance.now() - start) / 1000,
  };
}

/** A result in the shape of CLIP_benchmark's JSON files. */
export function benchmarkRecord(
  model: { readonly name: string },
  dataset: string,
  task: 'zeroshot_classification' | 'zeroshot_retrieval' | 'linear_probe',
  metrics: Readonly<Record<string, number | null>>,
  language = 'en',
): Readonly<Record<string, unknown>> {
  return { dataset, model: model.name, pretrained: '', task, metrics, language };
}
