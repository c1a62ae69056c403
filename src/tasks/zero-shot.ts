import type { ImageInput, Model } from '../engine.js';
import { parseOptions, read } from '../options.js';
import type { Failure } from '../pipeline/types.js';
import { logitsOf, probabilitiesOf, type MultiRows } from '../similarity/logits.js';
import {
  buildClassifier,
  templatesOf,
  type ClassName,
  type Classifier,
  type Templates,
} from './classifier.js';

export interface Classification {
  readonly image: string;
  /** Best first. */
  readonly labels: readonly {
    readonly label: string;
    readonly probability: number;
    readonly logit: number;
  }[];
}

export interface ClassifyOptions {
  /** Default `simple`. */
  readonly templates?: Templates;
  /** How many labels to give per image. Default: all. */
  readonly top?: number;
  readonly signal?: AbortSignal;
}

/**
 * Zero-shot classification: which of the labels each image shows. Probabilities are the model's own (softmax of the
 * logits over the labels; for SigLIP an independent sigmoid each). Broken images are in `failures`.
 */
export async function classify(
  model: Model,
  images: readonly ImageInput[] | ImageInput,
  labels: readonly ClassName[] | Classifier,
  options?: ClassifyOptions,
): Promise<{ readonly results: readonly Classification[]; readonly failures: readonly Failure[] }> {
  const { templates, top, signal } = parseOptions<{
    templates: Templates;
    top: number;
    signal: AbortSignal | null;
  }>(
    options,
    {
      templates: (value) =>
        value === 'openai' || value === 'simple' || value === 'none'
          ? value
          : templatesOf(value as Templates),
      top: read.integer(1),
      signal: read.signal,
    },
    { templates: 'simple', top: Number.MAX_SAFE_INTEGER, signal: null },
    'classify options',
  );
  const given = signal ?? undefined;
  const classifier = isClassifier(labels) ? labels : await buildClassifier(model, labels, templates, given);
  const embedded = await model.embedImages(images, given === undefined ? {} : { signal: given });
  const list: readonly ImageInput[] = Array.isArray(images)
    ? (images as readonly ImageInput[])
    : [images as ImageInput];
  const names = embedded.indices.map((index) => {
    const image = list[index];
    return typeof image === 'string' || image instanceof URL ? String(image) : `image ${String(index)}`;
  });
  const results = await classifyEmbedded(model, embedded, names, classifier);
  return {
    results: results.map((result) => ({ ...result, labels: result.labels.slice(0, top) })),
    failures: embedded.failures,
  };
}

/** {@link classify} for images that are embedded already; `names` has one entry per row. All labels, best first. */
export async function classifyEmbedded(
  model: Model,
  images: MultiRows,
  names: readonly string[],
  classifier: Classifier,
): Promise<Classification[]> {
  if (images.rows === 0) return [];
  const { logitScale, logitBias, activation } = model.description;
  if (logitScale === null) {
    model.options.onWarning(
      `${model.name} does not tell its trained logit scale: probabilities mean little; give it with logitScale`,
    );
  }
  const logits = await logitsOf(images, classifier, { scale: logitScale ?? 1, bias: logitBias ?? 0 });
  const probabilities = probabilitiesOf(logits, activation);
  return names.map((image, row): Classification => {
    const ranked = classifier.labels.map((label, column) => ({
      label,
      probability: probabilities.data[row * classifier.rows + column] ?? 0,
      logit: logits.data[row * classifier.rows + column] ?? 0,
    }));
    // Array.prototype.sort is stable: equal logits keep the order of the labels.
    ranked.sort((one, other) => other.logit - one.logit);
    return { image, labels: ranked };
  });
}

function isClassifier(value: readonly ClassName[] | Classifier): value is Classifier {
  return !Array.isArray(value);
}
