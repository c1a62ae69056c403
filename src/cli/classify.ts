import type { Command, OptionValues } from 'commander';
import type { Model } from '../engine.js';
import type { ClassName, Classifier } from '../tasks/classifier.js';
import type { Classification } from '../tasks/zero-shot.js';
import type { Embeddings } from '../pipeline/collect.js';
import type { Failure } from '../pipeline/types.js';
import {
  addClassFlags,
  addPromptFlags,
  chosenTemplates,
  classNames,
  comparedNames,
  openClassifier,
} from './classes.js';
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

/** Where predictions go when the labels change. */
interface Comparison {
  readonly labels: readonly string[];
  readonly moved: number;
  readonly moves: readonly { readonly from: string; readonly to: string; readonly count: number }[];
}

/** Counts where the best label of each image goes with another list of labels. */
async function compare(
  model: Model,
  context: Context,
  embedded: readonly Embeddings[],
  classifier: Classifier,
  names: readonly ClassName[],
): Promise<Comparison> {
  const [{ buildClassifier }, { joinRows }, { labelMoves }, { logitsOf }] = await Promise.all([
    import('../tasks/classifier.js'),
    import('../pipeline/collect.js'),
    import('../tasks/metrics.js'),
    import('../similarity/logits.js'),
  ]);
  const templates = await chosenTemplates(context.flags.string('templates') ?? 'simple');
  const other = await buildClassifier(model, names, templates, context.signal);
  const images = joinRows(embedded, classifier.dim);
  const scale = { scale: model.logitScale ?? 1, bias: 0 };
  const [before, after] = [await logitsOf(images, classifier, scale), await logitsOf(images, other, scale)];
  const found = labelMoves(
    { scores: before, labels: classifier.labels },
    { scores: after, labels: other.labels },
  );
  return { labels: other.labels, ...found };
}

async function classifyImages(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const saved = flags.string('classifier') !== null;
  const names = saved ? null : await classNames(context);
  const compared = await comparedNames(context);
  const { prepareSession } = await import('../session/worker-session.js');
  prepareSession();
  const { loadModel } = await import('../engine.js');
  const { classifyEmbedded } = await import('../tasks/zero-shot.js');
  const { embedItems } = await import('../pipeline/embed-list.js');
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const classifier = await openClassifier(context, model, names);
  const results: Classification[] = [];
  const failures: Failure[] = [];
  const embedded: Embeddings[] = [];
  const progress = context.progress('classify');
  for await (const group of embedItems(model, openItems(context, inputs, 'image'), 'image', context.signal)) {
    results.push(...(await classifyEmbedded(model, group, group.names, classifier)));
    failures.push(...group.failures);
    if (compared !== null) embedded.push(group);
    for (const { input, message } of group.notices) context.notice(input, message);
    progress.update({
      done: results.length + failures.length,
      failed: failures.length,
      stages: model.seconds,
    });
  }
  const comparison =
    compared === null || results.length === 0
      ? null
      : await compare(model, context, embedded, classifier, compared);
  context.endProgress();
  const count = classifier.labels.length;
  const top = flags.number('top') ?? (context.json ? count : Math.min(3, count));
  const kept = results.map((result) => ({ ...result, labels: result.labels.slice(0, top) }));
  if (context.json) context.printJson(comparison === null ? kept : { results: kept, comparison });
  else {
    if (kept.length > 0) printTable(context, kept, top);
    if (comparison !== null) printMoves(context, comparison);
  }
  return context.reportFailures(failures);
}

function printMoves(context: Context, { moved, moves }: Comparison): void {
  context.print(`${(moved * 100).toFixed(1)}% of the images get another label`);
  const rows = moves.map(({ from, to, count }) => [from, to, String(count)]);
  if (rows.length > 0) context.print(table(['from', 'to', 'images'], rows));
}

export function registerClassify(program: Command, terminal: Terminal): void {
  const command = program.command('classify');
  addPromptFlags(addClassFlags(command))
    .description('zero-shot classification: which of the labels each image shows')
    .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
    .option('--top <k>', 'labels to show per image (default: 3, all with --json)', wholeNumber(1))
    .option('--logit-scale <x>', "the model's trained factor, where its folder lacks it", positiveNumber)
    .option('--logit-bias <x>', "the model's trained bias (SigLIP), where its folder lacks it", finiteNumber)
    .addHelpText(
      'after',
      `
Examples:
  $ diptych classify cat.jpg --labels cat,dog,car
  $ diptych classify photos/ --labels-file labels.txt --templates openai --top 1
  $ diptych classify photos/*.jpg --labels "a cat,a dog" --templates none --json
  $ diptych classify photos/ --label-set imagenet1k --templates openai --save-classifier imagenet.npy
  $ diptych classify photos/ --classifier imagenet.npy --top 5
  $ diptych classify people/ --labels man,woman --compare-labels man,woman,child`,
    );
  addClassFlags(command, 'compare');
  addTextFlags(addImageFlags(addUrlFlags(addModelFlags(command))));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => classifyImages(context, inputs)),
  );
}
