import type { Command, OptionValues } from 'commander';
import type { Context, Terminal } from './context.js';
import { readLabels, readSet } from './embedded.js';
import { addOutputFlags, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

async function adaptSet(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const [{ adapt }, { writeFileAtomic }] = await Promise.all([
    import('../tasks/adapt.js'),
    import('../output/atomic.js'),
  ]);
  const images = await readSet(flags.string('images') ?? '');
  const texts = await readSet(flags.string('texts') ?? '');
  const labelsFile = flags.string('labels');
  const labels =
    labelsFile === null ? Array.from({ length: images.rows }, (_, row) => row) : await readLabels(labelsFile);
  const progress = context.progress('adapt');
  const start = performance.now();
  const { adapter, before, accuracy, epochs } = await adapt(images, labels, texts, {
    hidden: flags.number('hidden') ?? 256,
    epochs: flags.number('epochs') ?? 60,
    learningRate: flags.number('learningRate') ?? 1e-3,
    seed: flags.number('seed') ?? 0,
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  context.endProgress();
  await writeFileAtomic(flags.string('out') ?? '', `${JSON.stringify(adapter)}\n`);
  const result = { rows: images.rows, before, accuracy, epochs, seconds: (performance.now() - start) / 1000 };
  if (context.json) context.printJson(result);
  else
    context.print(
      `validation accuracy ${before.toFixed(4)} before, ${accuracy.toFixed(4)} after ${String(epochs)} epochs`,
    );
  return 0;
}

export function registerAdapt(program: Command, terminal: Terminal): void {
  const command = program
    .command('adapt')
    .description('train a small adapter on saved image and text embeddings')
    .requiredOption('--images <set>', 'embedded images')
    .requiredOption('--texts <set>', 'embedded texts: of the classes, or one an image')
    .requiredOption('--out <adapter.json>', 'where the adapter goes')
    .option('--labels <file>', 'row of its text for each image, one a line (default: the same row)')
    .option('--hidden <n>', 'hidden units (default: 256)', wholeNumber(1))
    .option('--epochs <n>', 'most epochs (default: 60)', wholeNumber(1))
    .option('--learning-rate <x>', 'default: 0.001', positiveNumber)
    .option('--seed <n>', 'default: 0', wholeNumber(0))
    .addHelpText(
      'after',
      '\nExample:\n  $ diptych adapt --images train/ --texts classes/ --labels labels.txt --out adapter.json',
    );
  addOutputFlags(command).action((values: OptionValues) =>
    runCommand(values, terminal, (context) => adaptSet(context)),
  );
}
