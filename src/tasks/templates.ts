import { readFileSync } from 'node:fs';
import { DiptychError } from '../errors.js';

/**
 * OpenAI's prompt templates per data set, and class names of some, as CLIP_benchmark carries them (MIT licence: see
 * docs/licenses.md). Beside the sources: tsc copies no JSON.
 */
const FOLDER = new URL('../../src/tasks/prompts/', import.meta.url);

type Lists = ReadonlyMap<string, readonly string[]>;

const loaded = new Map<string, Lists>();

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');

function load(name: 'templates' | 'classnames'): Lists {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const file = new URL(`${name}.json`, FOLDER);
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const lists = new Map<string, readonly string[]>();
  for (const [set, texts] of Object.entries(typeof value === 'object' && value !== null ? value : {})) {
    if (!isTexts(texts))
      throw new DiptychError('INPUT_UNREADABLE', `${set}: expected texts`, { input: file.pathname });
    lists.set(set, texts);
  }
  loaded.set(name, lists);
  return lists;
}

function listOf(name: 'templates' | 'classnames', set: string): readonly string[] {
  const lists = load(name);
  const found = lists.get(set.toLowerCase().replaceAll('-', '_'));
  if (found !== undefined) return found;
  throw new DiptychError(
    'BAD_OPTION',
    `there are no ${name} of ${JSON.stringify(set)}; known: ${[...lists.keys()].join(', ')}`,
    { input: name },
  );
}

/** The data sets that {@link datasetTemplates} knows. */
export function templateSets(): readonly string[] {
  return [...load('templates').keys()];
}

/** OpenAI's templates for a data set, with `{c}` where the label goes. Throws BAD_OPTION, listing what there is. */
export function datasetTemplates(set: string): readonly string[] {
  return listOf('templates', set);
}

/** Class names of a data set in the order of its labels, such as `imagenet1k`. Throws BAD_OPTION. */
export function datasetClasses(set: string): readonly string[] {
  return listOf('classnames', set);
}

/** The 80 templates of the CLIP paper for ImageNet. */
export function openaiTemplates(): readonly string[] {
  return listOf('templates', 'imagenet1k');
}
