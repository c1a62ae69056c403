import { join } from 'node:path';
import { Option, type Command, type OptionValues } from 'commander';
import type { Context, Terminal } from './context.js';
import { readSet, writeNpy } from './embedded.js';
import { addOutputFlags, finiteNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

async function run(context: Context, source: string): Promise<ExitCode> {
  const { flags } = context;
  const { clipLoss, siglipLoss } = await import('../tasks/contrastive.js');
  const images = await readSet(source, 'image');
  const texts = await readSet(flags.string('texts') ?? source, 'text');
  const kind = flags.choice('kind', 'clip', 'siglip');
  const folder = flags.string('gradients');
  const start = performance.now();
  const options = {
    gradients: folder !== null,
    signal: context.signal,
    onProgress: context.onProgress('loss'),
  };
  const found =
    kind === 'clip'
      ? await clipLoss(images, texts, { ...options, logitScale: flags.number('logitScale') ?? 100 })
      : await siglipLoss(images, texts, {
          ...options,
          logitScale: flags.number('logitScale') ?? 10,
          logitBias: flags.number('logitBias') ?? -10,
        });
  context.endProgress();
  const { gradients } = found;
  if (folder !== null && gradients !== null) {
    const shape = [images.rows, images.dim];
    await writeNpy(join(folder, 'images.npy'), '<f4', shape, gradients.images);
    await writeNpy(join(folder, 'texts.npy'), '<f4', shape, gradients.texts);
  }
  const sides = kind === 'clip' ? { imageLoss: found.imageLoss, textLoss: found.textLoss } : {};
  const slopes =
    gradients === null
      ? {}
      : { logitScaleGradient: gradients.logitScale, logitBiasGradient: gradients.logitBias };
  const seconds = (performance.now() - start) / 1000;
  if (context.json)
    context.printJson({ kind, pairs: images.rows, loss: found.loss, ...sides, ...slopes, seconds });
  else context.print(`${kind} loss of ${String(images.rows)} pairs: ${found.loss.toFixed(6)}`);
  return 0;
}

export function registerLoss(program: Command, terminal: Terminal): void {
  const command = program
    .command('loss')
    .description(
      "CLIP's or SigLIP's contrastive loss of embedded pairs, with gradients; never an n x n matrix",
    )
    .argument('<set>', 'folder of `diptych embed` with pairs, or embedded images')
    .option('--texts <set>', 'embedded texts; row i belongs to row i of the images')
    .addOption(new Option('--kind <kind>', 'which loss').choices(['clip', 'siglip']).default('clip'))
    .option('--logit-scale <x>', 'the factor itself (default: 100; siglip: 10)', finiteNumber)
    .option('--logit-bias <x>', 'siglip only (default: -10)', finiteNumber)
    .option('--gradients <dir>', 'write images.npy and texts.npy: d loss / d row')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych loss embedded/ --json
  $ diptych loss images.npy --texts texts.npy --kind siglip --gradients gradients/`,
    );
  addOutputFlags(command).action((source: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => run(context, source)),
  );
}
