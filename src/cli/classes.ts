import { Option, type Command } from 'commander';
import type { Model } from '../engine.js';
import { DiptychError } from '../errors.js';
import type { ClassName, Classifier, Templates } from '../tasks/classifier.js';
import type { Context } from './context.js';
import { readJsonFile, readLines } from './embedded.js';

/** Which classes a command knows, and how they become vectors. */

export const TEMPLATES_HELP =
  'prompts per label: openai (80), simple ("a photo of a {}."), none, the name of a data set (cifar10, food101, ...), or a file with one a line';

/** Flags that name classes. */
export function addClassFlags(command: Command, prefix = ''): Command {
  const about = prefix === '' ? '' : ` ${prefix} with`;
  const flag = prefix === '' ? '' : `${prefix}-`;
  return command
    .option(`--${flag}labels <a,b,c>`, `labels${about}, separated by commas`)
    .option(
      `--${flag}labels-file <file>`,
      `labels${about}, one a line; or .json: a list of names, or of lists of names for one class`,
    );
}

/** Flags that say how classes become vectors. */
export function addPromptFlags(command: Command): Command {
  return command
    .addOption(new Option('--templates <how>', TEMPLATES_HELP).default('simple'))
    .option('--label-set <name>', 'the class names of a data set, as imagenet1k')
    .option('--class-prompts <file.json>', 'prompts of each label: {"cat": ["a cat, which is ...", ...]}')
    .option('--classifier <file.npy>', 'a class matrix that was saved, instead of labels')
    .option('--save-classifier <file.npy>', 'save the class matrix, with its labels beside it');
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');

function parseNames(value: unknown, file: string): ClassName[] {
  if (Array.isArray(value)) {
    return value.map((entry: unknown, at) => {
      if (typeof entry === 'string' || (isTexts(entry) && entry.length > 0)) return entry;
      throw new DiptychError('BAD_INPUT', `entry ${String(at)}: expected a name or a list of names`, {
        input: file,
      });
    });
  }
  throw new DiptychError('BAD_INPUT', 'expected a JSON list of names', { input: file });
}

/** The labels of a comma-separated flag or of a file; null where neither is given. */
async function namesOf({ flags }: Context, list: string, file: string): Promise<ClassName[] | null> {
  const [given, path] = [flags.string(list), flags.string(file)];
  if (given === null && path === null) return null;
  if (given !== null && path !== null) {
    throw new DiptychError('BAD_OPTION', 'give one of --labels a,b,c and --labels-file FILE', {
      input: list,
    });
  }
  const names =
    path === null
      ? (given ?? '').split(',').flatMap((label) => (label.trim() === '' ? [] : [label.trim()]))
      : /\.json$/i.test(path)
        ? parseNames(await readJsonFile(path), path)
        : await readLines(path);
  if (names.length > 0) return names;
  throw new DiptychError('BAD_OPTION', 'there is no label in it', { input: path ?? list });
}

/** The labels that a command was given. Throws BAD_OPTION where it was given none. */
export async function classNames(context: Context): Promise<ClassName[]> {
  const set = context.flags.string('labelSet');
  const named = await namesOf(context, 'labels', 'labelsFile');
  if (set !== null && named === null) {
    const { datasetClasses } = await import('../tasks/templates.js');
    return [...datasetClasses(set)];
  }
  if (named !== null && set === null) return named;
  throw new DiptychError('BAD_OPTION', 'give one of --labels a,b,c and --labels-file FILE', {
    input: 'labels',
  });
}

/** The labels to compare with; null where none are given. */
export function comparedNames(context: Context): Promise<ClassName[] | null> {
  return namesOf(context, 'compareLabels', 'compareLabelsFile');
}

/** What --templates means: a known name, or the lines of a file. */
export async function chosenTemplates(given: string): Promise<Templates> {
  if (given === 'openai' || given === 'simple' || given === 'none') return given;
  const { templateSets } = await import('../tasks/templates.js');
  return templateSets().includes(given) ? given : readLines(given);
}

async function ownPrompts(file: string, names: readonly ClassName[]): Promise<string[][]> {
  const value = await readJsonFile(file);
  const bad = (message: string): DiptychError => new DiptychError('BAD_INPUT', message, { input: file });
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad('expected an object: a list of prompts for each label');
  const own = new Map<string, unknown>(Object.entries(value));
  return names.map((name) => {
    const label = typeof name === 'string' ? name : (name[0] ?? '');
    const prompts = own.get(label);
    if (isTexts(prompts) && prompts.length > 0) return prompts;
    throw bad(`it has no prompts for ${JSON.stringify(label)}`);
  });
}

/** Builds (or loads) the class matrix that the flags describe, and saves it where they say so. */
export async function openClassifier(
  context: Context,
  model: Model,
  names: readonly ClassName[] | null,
): Promise<Classifier> {
  const { flags } = context;
  const tasks = await import('../tasks/classifier.js');
  const file = flags.string('classifier');
  if (file !== null) {
    const loaded = await tasks.loadClassifier(file);
    const dim = model.description.embeddingDim;
    if (dim !== null && loaded.dim !== dim) {
      throw new DiptychError(
        'DIMENSION_MISMATCH',
        `its rows have ${String(loaded.dim)} numbers, the embeddings of ${model.name} ${String(dim)}`,
        { input: file },
      );
    }
    return loaded;
  }
  const classes = names ?? (await classNames(context));
  const prompted = flags.string('classPrompts');
  const templates = await chosenTemplates(flags.string('templates') ?? 'simple');
  const classifier =
    prompted === null
      ? await tasks.buildClassifier(model, classes, templates, context.signal)
      : await tasks.buildPromptClassifier(
          model,
          classes.map(tasks.shownName),
          await ownPrompts(prompted, classes),
          context.signal,
        );
  const save = flags.string('saveClassifier');
  if (save !== null) await tasks.saveClassifier(save, classifier, model.name);
  return classifier;
}
