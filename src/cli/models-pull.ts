import { Option, type Command, type OptionValues } from 'commander';
import type { Context, Terminal } from './context.js';
import { addOutputFlags } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

const MEGABYTE = 1e6;

async function pull(context: Context, name: string): Promise<ExitCode> {
  const { pullModel } = await import('../models/pull.js');
  const { flags } = context;
  const [revision, cacheDir] = [flags.string('revision'), flags.string('cacheDir')];
  const progress = context.progress('pull MB');
  const result = await pullModel(name, {
    dtype: flags.choice('dtype', 'auto', 'fp32', 'fp16', 'int8'),
    ...(revision === null ? {} : { revision }),
    ...(cacheDir === null ? {} : { cacheDir }),
    ...(flags.boolean('offline') ? { offline: true } : {}),
    verify: flags.boolean('verify'),
    signal: context.signal,
    onWarning: (message) => {
      context.warn(message);
    },
    onProgress: ({ totalReceived, totalSize }) => {
      progress.total(Math.ceil(totalSize / MEGABYTE));
      progress.update({ done: Math.floor(totalReceived / MEGABYTE) });
    },
  });
  context.endProgress();
  if (context.json) context.printJson(result);
  else {
    const come = (result.downloaded / MEGABYTE).toFixed(1);
    context.note(`${result.repo} (${result.dtype}): ${String(result.files.length)} files, ${come} MB came`);
    context.print(result.folder);
  }
  return 0;
}

/** `diptych models pull`. */
export function registerPull(models: Command, terminal: Terminal): void {
  const command = models
    .command('pull')
    .description('fetch a model into the cache; prints its folder')
    .argument('<model>', 'name or hub id')
    .addOption(
      new Option('--dtype <type>', 'which weights').choices(['auto', 'fp32', 'fp16', 'int8']).default('auto'),
    )
    .option('--revision <name>', 'branch, tag or commit (default: main)')
    .option('--cache-dir <folder>', 'instead of DIPTYCH_CACHE, HF_HUB_CACHE, HF_HOME')
    .option('--offline', 'use only what is on this machine (also HF_HUB_OFFLINE=1)')
    .option('--verify', 'check the hashes of what is in the cache already')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych models pull ViT-B/32
  $ diptych models pull Xenova/siglip-base-patch16-224 --dtype fp16
  $ diptych embed photos/ --out out --model "$(diptych models pull ViT-B/32 --quiet)"`,
    );
  addOutputFlags(command).action((name: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => pull(context, name)),
  );
}
