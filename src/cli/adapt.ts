import { Option, type Command, type OptionValues } from 'commander';
import type { Context, Terminal } from './context.js';
import { readLabels, readSet, writeJson } from './embedded.js';
import { addOutputFlags, finiteNumber, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

/** Numbers among the options, by the name that flag and option share. */
const NUMBERS = [
  'hidden',
  'dropout',
  'epochs',
  'batchSize',
  'learningRate',
  'weightDecay',
  'patience',
  'validation',
  'seed',
] as const;

async function adaptSet(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const { adapt } = await import('../tasks/adapt.js');
  const images = await readSet(flags.string('images') ?? '', 'image');
  const texts = await readSet(flags.string('texts') ?? '', 'text');
  const labelsFile = flags.string('labels');
  const labels =
    labelsFile === null ? Array.from({ length: images.rows }, (_, row) => row) : await readLabels(labelsFile);
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {};
  for (const name of NUMBERS) {
    const value = flags.number(name);
    if (value !== null) numbers[name] = value;
  }
  const progress = context.progress('adapt');
  progress.total(flags.number('epochs') ?? 40);
  const start = performance.now();
  const { adapter, textAdapter, before, accuracy, epochs } = await adapt(images, labels, texts, {
    ...numbers,
    side: flags.choice('side', 'image', 'text', 'both'),
    kind: flags.choice('kind', 'residual', 'linear'),
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  context.endProgress();
  const [out, folder] = [flags.string('out'), flags.string('export')];
  const both = adapter !== null && textAdapter !== null;
  if (out !== null)
    await writeJson(out, both ? { image: adapter, text: textAdapter } : (adapter ?? textAdapter));
  if (folder !== null) {
    const [{ describeModel }, { exportAdapted }] = await Promise.all([
      import('../models/describe.js'),
      import('../tasks/adapt-export.js'),
    ]);
    const description = await describeModel(flags.string('model') ?? 'diptych-mini');
    await exportAdapted(description, { image: adapter, text: textAdapter }, folder);
  }
  const seconds = (performance.now() - start) / 1000;
  if (context.json)
    context.printJson({ rows: images.rows, before, accuracy, epochs, exported: folder, seconds });
  else
    context.print(
      `validation accuracy ${before.toFixed(4)} before, ${accuracy.toFixed(4)} after ${String(epochs)} epochs`,
    );
  return 0;
}

export function registerAdapt(program: Command, terminal: Terminal): void {
  const command = program
    .command('adapt')
    .description('train a small adapter on saved image and text embeddings, and export the adapted model')
    .requiredOption('--images <set>', 'embedded images')
    .requiredOption('--texts <set>', 'embedded texts: of the classes, or one an image')
    .option('--labels <file>', 'row of its text for each image, one a line (default: the same row)')
    .option('--out <adapter.json>', 'where the adapter goes')
    .option('--export <dir>', 'write the adapted model as a model folder')
    .option('-m, --model <name>', 'the model that made the embeddings, for --export', 'diptych-mini')
    .addOption(
      new Option('--side <side>', 'which tower is adapted')
        .choices(['image', 'text', 'both'])
        .default('image'),
    )
    .addOption(new Option('--kind <kind>', 'of adapter').choices(['residual', 'linear']).default('residual'))
    .option('--hidden <n>', 'hidden units (default: 512)', wholeNumber(1))
    .option('--dropout <share>', 'hidden units dropped in each step (default: 0.5)', finiteNumber)
    .option('--epochs <n>', 'most epochs (default: 40)', wholeNumber(1))
    .option('--batch-size <n>', 'rows a step (default: 128)', wholeNumber(1))
    .option('--learning-rate <x>', 'default: 0.001', positiveNumber)
    .option('--weight-decay <x>', 'default: 0.05', finiteNumber)
    .option('--patience <n>', 'epochs without a better validation accuracy (default: 15)', wholeNumber(1))
    .option('--validation <share>', 'rows kept for validation (default: 0.1)', positiveNumber)
    .option('--seed <n>', 'default: 0', wholeNumber(0))
    .addHelpText(
      'after',
      `
Examples:
  $ diptych adapt --images train/ --texts classes/ --labels labels.txt --out adapter.json
  $ diptych adapt --images train/ --texts classes/ --labels labels.txt --export my-model
  $ diptych classify photos/ --labels a,b,c --model my-model`,
    );
  addOutputFlags(command).action((values: OptionValues) =>
    runCommand(values, terminal, (context) => adaptSet(context)),
  );
}
