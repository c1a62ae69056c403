import { join } from 'node:path';
import type { Command, OptionValues } from 'commander';
import type { InputItem } from '../input/item.js';
import type { WebPair } from '../tasks/capfilt.js';
import { namedModel } from './caption.js';
import type { Context, Terminal } from './context.js';
import { addImageFlags, addModelFlags, finiteNumber, modelOptions, wholeNumber } from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';

/** Pairs and lone images of the input; what cannot be read stays in its place and becomes a failure. */
async function* webPairs(items: AsyncIterable<InputItem>): AsyncGenerator<WebPair, void, undefined> {
  for await (const item of items) {
    if (item.shape === 'pair') yield { image: item.name, content: item.image, text: item.text };
    else if (item.shape === 'image') yield { image: item.name, content: item.image, text: null };
    else if (item.shape === 'broken') yield { image: item.name, content: '', text: null, error: item.error };
  }
}

async function run(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const captioner = flags.string('captioner') ?? namedModel(context, '--captioner blip-captioner/');
  const filter = flags.string('filter') ?? namedModel(context, '--filter blip-itm/');
  const out = flags.string('out') ?? '';
  const [{ loadModel }, { blipModels, capFilt }, { writeBootstrapped }] = await Promise.all([
    import('../engine.js'),
    import('../tasks/capfilt.js'),
    import('../tasks/capfilt-shard.js'),
  ]);
  const options = modelOptions(flags, (message) => {
    context.warn(message);
  });
  await using writer = await loadModel(captioner, options);
  await using judge = await loadModel(filter, options);
  const progress = context.progress('capfilt');
  const start = performance.now();
  const record = join(out, 'capfilt.jsonl');
  const pairs = (): AsyncIterable<WebPair> => webPairs(openItems(context, inputs, 'auto'));
  const summary = await capFilt(pairs(), blipModels(writer, judge), record, {
    threshold: flags.number('threshold') ?? 0.5,
    seed: flags.number('seed') ?? 0,
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  const { shard, failures } = await writeBootstrapped(pairs(), record, out, context.signal);
  context.endProgress();
  const seconds = (performance.now() - start) / 1000;
  if (context.json) context.printJson({ ...summary, shard, record, seconds });
  else {
    const { pairs: count, keptWeb, keptSynthetic, dropped } = summary;
    context.print(
      `${String(count)} images: ${String(keptWeb)} web and ${String(keptSynthetic)} synthetic captions kept, ${String(dropped)} images without any`,
    );
  }
  return context.reportFailures(failures);
}

export function registerCapFilt(program: Command, terminal: Terminal): void {
  const command = program
    .command('capfilt')
    .description(
      'bootstrap noisy image-text pairs as BLIP does: write captions, judge them and the given ones, keep what fits',
    )
    .argument('<input...>', 'pairs or images: tars, tables, folders, globs, URLs, lists')
    .requiredOption(
      '--out <dir>',
      'capfilt.jsonl (every judgement), shard.tar (what is kept), failures.jsonl',
    )
    .option('--captioner <model>', 'BLIP with a text decoder (default: --model)')
    .option('--filter <model>', 'BLIP with a matching head (default: --model)')
    .option(
      '--threshold <p>',
      'a text stays when its match probability is above (default: 0.5)',
      finiteNumber,
    )
    .option('--seed <n>', 'of the sampling (default: 0)', wholeNumber(0, 0xffffffff))
    .addHelpText(
      'after',
      `
A run that was stopped goes on where it was when the same command is given again.

Examples:
  $ diptych capfilt web/{00000..00009}.tar --captioner blip-captioner/ --filter blip-itm/ --out clean
  $ diptych capfilt photos/ --captioner blip-captioner/ --filter blip-itm/ --out captioned --threshold 0.7`,
    );
  addImageFlags(addUrlFlags(addModelFlags(command, null)));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => run(context, inputs)),
  );
}
