import { DiptychError } from '../errors.js';
import type { ImageInput, Model } from '../engine.js';
import { parseOptions, read } from '../options.js';
import { normalizeRows } from '../pipeline/rows.js';
import type { Failure } from '../pipeline/types.js';
import { logitsOf, probabilitiesOf, type MultiRows } from '../similarity/logits.js';
import { openaiTemplates } from './templates.js';

/**
 * How a label becomes prompts: `openai` (the 80 of the CLIP paper for ImageNet), `simple` ("a photo of a {}."),
 * `none` (the bare label), or templates of one's own with `{}` or `{c}` where the label goes.
 */
export type Templates = 'openai' | 'simple' | 'none' | readonly string[];

/** One unit vector per label: the mean of its prompts' unit vectors, at unit length again. */
export interface Classifier {
  readonly labels: readonly string[];
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

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

export const SIMPLE_TEMPLATE = 'a photo of a {}.';

/** The prompts of a choice of templates. Throws BAD_OPTION when a template has no place for the label. */
export function templatesOf(templates: Templates): readonly string[] {
  if (templates === 'none') return ['{}'];
  if (templates === 'simple') return [SIMPLE_TEMPLATE];
  if (templates === 'openai') return openaiTemplates();
  if (!Array.isArray(templates) || templates.length === 0) {
    throw new DiptychError('BAD_OPTION', 'expected openai, simple, none or a non-empty array of templates', {
      input: 'templates',
    });
  }
  for (const template of templates as readonly unknown[]) {
    if (typeof template !== 'string' || !/\{c?\}/.test(template)) {
      throw new DiptychError(
        'BAD_OPTION',
        `a template needs {} or {c} where the label goes, got ${JSON.stringify(template)}`,
        {
          input: 'templates',
        },
      );
    }
  }
  return templates as readonly string[];
}

/** Puts a label into a template. */
export function fillTemplate(template: string, label: string): string {
  return template.replace(/\{c?\}/g, () => label);
}

/**
 * Builds a zero-shot classifier as CLIP does (and open_clip's build_zero_shot_classifier): every prompt's vector at
 * unit length, the mean over a label's prompts, unit length again.
 */
export async function buildClassifier(
  model: Model,
  labels: readonly string[],
  templates: Templates = 'simple',
  signal?: AbortSignal,
): Promise<Classifier> {
  if (!Array.isArray(labels) || labels.length === 0) {
    throw new DiptychError('BAD_INPUT', 'expected at least one label', { input: 'labels' });
  }
  const patterns = templatesOf(templates);
  const prompts = labels.map((label: unknown) => {
    if (typeof label !== 'string')
      throw new DiptychError('BAD_INPUT', `expected a string, got ${typeof label}`, { input: 'labels' });
    return patterns.map((template) => fillTemplate(template, label));
  });
  return buildPromptClassifier(model, labels, prompts, signal);
}

/**
 * The same from prompts of one's own for each label (several names, CuPL's descriptions, knowledge): at least one a
 * label.
 */
export async function buildPromptClassifier(
  model: Model,
  labels: readonly string[],
  prompts: readonly (readonly string[])[],
  signal?: AbortSignal,
): Promise<Classifier> {
  if (prompts.length !== labels.length) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `expected prompts for each of ${String(labels.length)} labels, got ${String(prompts.length)}`,
      { input: 'prompts' },
    );
  }
  const empty = prompts.findIndex((own) => own.length === 0);
  if (empty >= 0)
    throw new DiptychError('BAD_INPUT', 'it has no prompt', { input: labels[empty] ?? 'labels' });
  const embedded = await model.embedTexts(prompts.flat(), signal === undefined ? {} : { signal });
  const failed = embedded.failures[0];
  if (failed !== undefined) throw new DiptychError(failed.code, failed.message, { input: failed.input });
  const { dim, data: vectors } = embedded;
  const unit = Float32Array.from(vectors);
  normalizeRows(unit, dim);
  const data = new Float32Array(labels.length * dim);
  let from = 0;
  prompts.forEach((own, label) => {
    const sums = new Float64Array(dim);
    for (const end = from + own.length * dim; from < end; from += dim) {
      for (let i = 0; i < dim; i++) sums[i] = (sums[i] ?? 0) + (unit[from + i] ?? 0);
    }
    data.set(
      sums.map((sum) => sum / own.length),
      label * dim,
    );
  });
  normalizeRows(data, dim);
  return { labels: [...labels], data, rows: labels.length, dim };
}

/**
 * Zero-shot classification: which of the labels each image shows. Probabilities are the model's own (softmax of the
 * logits over the labels; for SigLIP an independent sigmoid each). Broken images are in `failures`.
 */
export async function classify(
  model: Model,
  images: readonly ImageInput[] | ImageInput,
  labels: readonly string[] | Classifier,
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

function isClassifier(value: readonly string[] | Classifier): value is Classifier {
  return !Array.isArray(value);
}
