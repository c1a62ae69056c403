import type { Command, OptionValues } from 'commander';
import { mergeRuns } from '../pipeline/merge.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

async function merge(context: Context, folders: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const folder = flags.string('out') ?? '';
  const state = await mergeRuns(folders, {
    folder,
    overwrite: flags.boolean('overwrite'),
    signal: context.signal,
    onPart: context.onProgress('merge'),
  });
  context.endProgress();
  const { counts, dim, parts } = state;
  if (context.json) {
    context.printJson({ rows: counts.rows, failed: counts.failed, dim, shards: folders.length, parts });
  } else if (!context.quiet) {
    context.print(
      `${String(counts.rows)} rows in ${String(parts.length)} parts of ${String(folders.length)} folders: ${folder}; ` +
        `${String(counts.failed)} of ${String(counts.inputs)} inputs failed`,
    );
  }
  return 0;
}

export function registerMerge(program: Command, terminal: Terminal): void {
  const command = program
    .command('merge')
    .description('joins the folders of embed --shard I/N into one, after checking them')
    .argument('<dir...>', 'folders of all shards')
    .requiredOption('-o, --out <dir>', 'folder for the whole')
    .option('--overwrite', 'throw away what an earlier run has made')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych merge shards/* --out embedded
  $ diptych merge 0of4 1of4 2of4 3of4 --out embedded --json

Every share must be there once, complete and of one model; every file must have the rows that its run.json tells. Parts
are linked, not copied, where both folders lie on one file system: the shards may be removed afterwards.`,
    );
  addOutputFlags(command);
  command.action((folders: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => merge(context, folders)),
  );
}
