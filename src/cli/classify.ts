import { readFile } from 'node:fs/promises';
import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError, toDiptychError } from '../errors.js';
import type { Classification, Templates } from '../tasks/zero-shot.js';
import type { Failure } from '../pipeline/types.js';
import type { Context, Terminal } from './context.js';
import {
  addImageFlags,
  addModelFlags,
  addTextFlags,
  modelOptions,
  finiteNumber,
  positiveNumber,
  wholeNumber,
} from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';
import { shorten, table } from './table.js';

/** Lines of a file, without empty ones. */
async function readLines(file: string, option: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', `${option} ${file}`);
  }
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

async function labelsOf({ flags }: Context): Promise<string[]> {
  const [list, file] = [flags.string('labels'), flags.string('labelsFile')];
  if ((list === null) === (file === null)) {
    throw new DiptychError('BAD_OPTION', 'give one of --labels a,b,c and --labels-file FILE', {
      input: 'labels',
    });
  }
  const labels =
    file === null
      ? (list ?? '').split(',').flatMap((label) => (label.trim() === '' ? [] : [label.trim()]))
      : await readLines(file, '--labels-file');
  if (labels.length > 0) return labels;
  throw new DiptychError('BAD_OPTION', 'there is no label in it', { input: file ?? '--labels' });
}

async function templatesOf({ flags }: Context): Promise<Templates> {
  const given = flags.string('templates') ?? 'simple';
  if (given === 'openai' || given === 'simple' || given === 'none') return given;
  return readLines(given, '--templates');
}

function printTable(context: Context, results: readonly Classification[], top: number): void {
  const rows = results.flatMap(({ image, labels }) =>
    labels
      .slice(0, top)
      .map(({ label, probability, logit }, rank) => [
        rank === 0 ? shorten(image, 48) : '',
        shorten(label, 32),
        `${(probability * 100).toFixed(1)}%`,
        logit.toFixed(2),
      ]),
  );
  context.print(table(['image', 'label', 'probability', 'logit'], rows));
}

async function classifyImages(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const labels = await labelsOf(context);
  const templates = await templatesOf(context);
  const { loadModel } = await import('../engine.js');
  const { buildClassifier, classifyEmbedded } = await import('../tasks/zero-shot.js');
  const { embedItems } = await import('../pipeline/embed-list.js');
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const classifier = await buildClassifier(model, labels, templates, context.signal);
  const results: Classification[] = [];
  const failures: Failure[] = [];
  const progress = context.progress('classify');
  for await (const group of embedItems(model, openItems(context, inputs, 'image'), 'image', context.signal)) {
    results.push(...(await classifyEmbedded(model, group, group.names, classifier)));
    failures.push(...group.failures);
    for (const { input, message } of group.notices) context.notice(input, message);
    progress.update({
      done: results.length + failures.length,
      failed: failures.length,
      stages: model.seconds,
    });
  }
  context.endProgress();
  const top = flags.number('top') ?? (context.json ? labels.length : Math.min(3, labels.length));
  const kept = results.map((result) => ({ ...result, labels: result.labels.slice(0, top) }));
  if (context.json) context.printJson(kept);
  else if (kept.length > 0) printTable(context, kept, top);
  return context.reportFailures(failures);
}

export function registerClassify(program: Command, terminal: Terminal): void {
  const command = program
    .command('classify')
    .description('zero-shot classification: which of the labels each image shows')
    .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
    .option('--labels <a,b,c>', 'labels, separated by commas')
    .option('--labels-file <file>', 'labels, one a line')
    .addOption(
      new Option(
        '--templates <how>',
        'prompts per label: openai (80), simple ("a photo of a {}."), none, or a file with one a line',
      ).default('simple'),
    )
    .option('--top <k>', 'labels to show per image (default: 3, all with --json)', wholeNumber(1))
    .option('--logit-scale <x>', "the model's trained factor, where its folder lacks it", positiveNumber)
    .option('--logit-bias <x>', "the model's trained bias (SigLIP), where its folder lacks it", finiteNumber)
    .addHelpText(
      'after',
      `
Examples:
  $ diptych classify cat.jpg --labels cat,dog,car
  $ diptych classify photos/ --labels-file labels.txt --templates openai --top 1
  $ diptych classify photos/*.jpg --labels "a cat,a dog" --templates none --json`,
    );
  addTextFlags(addImageFlags(addUrlFlags(addModelFlags(command))));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => classifyImages(context, inputs)),
  );
}
