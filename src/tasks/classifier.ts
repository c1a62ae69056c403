import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DiptychError, toDiptychError } from '../errors.js';
import type { Model } from '../engine.js';
import { writeFileAtomic } from '../output/atomic.js';
import { npyHeader, readNpy } from '../output/npy.js';
import { normalizeRows } from '../pipeline/rows.js';
import { datasetTemplates, openaiTemplates } from './templates.js';

/**
 * How a label becomes prompts: `openai` (the 80 of the CLIP paper for ImageNet), `simple` ("a photo of a {}."),
 * `none` (the bare label), a data set's name for OpenAI's prompts of it (`cifar10`, `food101`, ...), or templates of
 * one's own with `{}` or `{c}` where the label goes.
 */
export type Templates = 'openai' | 'simple' | 'none' | (string & {}) | readonly string[];

/** A class: its name, or several names for it (the first is shown). */
export type ClassName = string | readonly string[];

/** One unit vector per label: the mean of its prompts' unit vectors, at unit length again. */
export interface Classifier {
  readonly labels: readonly string[];
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

export const SIMPLE_TEMPLATE = 'a photo of a {}.';

/** The prompts of a choice of templates. Throws BAD_OPTION when a template has no place for the label. */
export function templatesOf(templates: Templates): readonly string[] {
  if (templates === 'none') return ['{}'];
  if (templates === 'simple') return [SIMPLE_TEMPLATE];
  if (templates === 'openai') return openaiTemplates();
  if (typeof templates === 'string') return datasetTemplates(templates);
  const given: unknown = templates;
  if (!Array.isArray(given) || given.length === 0) {
    throw new DiptychError(
      'BAD_OPTION',
      'expected openai, simple, none, the name of a data set or a non-empty array of templates',
      { input: 'templates' },
    );
  }
  for (const template of given as readonly unknown[]) {
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
  return templates;
}

/** Puts a label into a template. */
export function fillTemplate(template: string, label: string): string {
  return template.replace(/\{c?\}/g, () => label);
}

/** The prompts of each class: every name in every template. Throws BAD_INPUT, BAD_OPTION. */
export function classPrompts(classes: readonly ClassName[], templates: Templates): string[][] {
  if (!Array.isArray(classes) || classes.length === 0) {
    throw new DiptychError('BAD_INPUT', 'expected at least one label', { input: 'labels' });
  }
  const patterns = templatesOf(templates);
  return classes.map((names: unknown, at) => {
    const list: readonly unknown[] = Array.isArray(names) ? names : [names];
    if (list.length === 0)
      throw new DiptychError('BAD_INPUT', 'expected at least one name', { input: `labels[${String(at)}]` });
    return list.flatMap((name) => {
      if (typeof name !== 'string')
        throw new DiptychError('BAD_INPUT', `expected a string, got ${typeof name}`, { input: 'labels' });
      return patterns.map((template) => fillTemplate(template, name));
    });
  });
}

/** What a class is shown as: the first of its names. */
export const shownName = (names: ClassName): string => (typeof names === 'string' ? names : (names[0] ?? ''));

/**
 * Builds a zero-shot classifier as CLIP does (and open_clip's build_zero_shot_classifier): every prompt's vector at
 * unit length, the mean over a class's prompts, unit length again. A class may have several names: then all its names
 * are put into all templates. A model remembers its last classifiers, so asking again costs nothing.
 */
export async function buildClassifier(
  model: Model,
  classes: readonly ClassName[],
  templates: Templates = 'simple',
  signal?: AbortSignal,
): Promise<Classifier> {
  const prompts = classPrompts(classes, templates);
  return buildPromptClassifier(model, classes.map(shownName), prompts, signal);
}

/** Classifiers that a model keeps. */
const REMEMBERED = 8;
const remembered = new WeakMap<Model, Map<string, Classifier>>();

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
  const known = remembered.get(model) ?? new Map<string, Classifier>();
  remembered.set(model, known);
  const key = createHash('sha256')
    .update(JSON.stringify([labels, prompts]))
    .digest('base64');
  const same = known.get(key);
  if (same !== undefined) return { ...same, data: same.data.slice() };
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
  const classifier = { labels: [...labels], data, rows: labels.length, dim };
  const [oldest] = known.keys();
  if (known.size >= REMEMBERED && oldest !== undefined) known.delete(oldest);
  known.set(key, { ...classifier, data: data.slice() });
  return classifier;
}

/** The list beside a class matrix. */
const listFile = (file: string): string => `${file.replace(/\.npy$/i, '')}.json`;

/**
 * Saves a classifier: the matrix as FILE.npy, its labels (and the model's name, if given) as FILE.json. Throws
 * OUTPUT_FAILED.
 */
export async function saveClassifier(file: string, classifier: Classifier, model?: string): Promise<void> {
  const { labels, data, rows, dim } = classifier;
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  await writeFileAtomic(
    `${file.replace(/\.npy$/i, '')}.npy`,
    Buffer.concat([npyHeader('<f4', [rows, dim]), body]),
  );
  await writeFileAtomic(
    listFile(file),
    `${JSON.stringify({ labels, ...(model === undefined ? {} : { model }) })}\n`,
  );
}

/**
 * Reads what {@link saveClassifier} wrote, or any .npy of one row a class with a JSON list of labels (or `{ labels }`)
 * beside it. Throws INPUT_NOT_FOUND, INPUT_UNREADABLE, DIMENSION_MISMATCH.
 */
export async function loadClassifier(file: string): Promise<Classifier> {
  const matrix = `${file.replace(/\.npy$/i, '')}.npy`;
  const { data, shape } = await readNpy(matrix);
  const [rows = 0, dim = 0] = shape;
  const name = listFile(file);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(name, 'utf8'));
  } catch (error) {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', name);
  }
  const list: unknown =
    typeof value === 'object' && value !== null && 'labels' in value ? value.labels : value;
  if (!Array.isArray(list) || !list.every((label): label is string => typeof label === 'string'))
    throw new DiptychError('INPUT_UNREADABLE', 'expected the list of labels', { input: name });
  if (shape.length !== 2 || list.length !== rows) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `${String(list.length)} labels, but an array of shape (${shape.join(', ')})`,
      { input: matrix },
    );
  }
  normalizeRows(data, dim);
  return { labels: list, data, rows, dim };
}
