import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import { openEmbeddings, readEmbeddings, readMetadata } from '../output/embedding-set.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags, finiteNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';
import { shorten, table } from './table.js';

async function dedup(context: Context, source: string): Promise<ExitCode> {
  const { flags } = context;
  const threshold = flags.number('threshold');
  if (threshold === null) throw new DiptychError('BAD_OPTION', 'expected a number', { input: '--threshold' });
  const set = await openEmbeddings(source, flags.oneOf('against', 'image', 'text'));
  const rows = await readEmbeddings(set);
  const { duplicateGroups } = await import('../pipeline/duplicates.js');
  const threads = flags.number('threads');
  const groups = await duplicateGroups(rows, threshold, {
    signal: context.signal,
    ...(threads === null ? {} : { threads }),
  });
  const metadata = await readMetadata(set, groups.flat());
  let at = 0;
  const described = groups.map((group) => group.map((row) => ({ row, ...metadata[at++] })));
  const surplus = groups.reduce((sum, group) => sum + group.length - 1, 0);
  if (context.json) {
    context.printJson({ rows: set.rows, threshold, groups: described, surplus });
    return 0;
  }
  const lines = described.flatMap((group, number) =>
    group.map((member: Readonly<Record<string, unknown>>, position) => {
      const label = [member['image_path'], member['text']].find((cell) => typeof cell === 'string') ?? '';
      return [position === 0 ? String(number + 1) : '', String(member['row']), shorten(label, 80)];
    }),
  );
  if (lines.length > 0)
    context.print(table(['group', 'row', set.tower === 'text' ? 'text' : 'image'], lines));
  context.print(
    `${String(groups.length)} groups at ${String(threshold)} or more: ${String(surplus)} of ${String(set.rows)} rows could go`,
  );
  return 0;
}

export function registerDedup(program: Command, terminal: Terminal): void {
  const command = program
    .command('dedup')
    .description('groups of near-duplicates in an embedded set')
    .argument('<dir>', 'folder that diptych embed made, or a .npy file')
    .requiredOption('--threshold <t>', 'cosine from which on two rows are the same, as 0.95', finiteNumber)
    .addOption(
      new Option(
        '--against <tower>',
        'rows to compare (default: images, or texts where there are no images)',
      ).choices(['image', 'text']),
    )
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 256))
    .addHelpText(
      'after',
      `
Examples:
  $ diptych dedup embedded --threshold 0.95
  $ diptych dedup embedded --threshold 0.98 --against text --json

Rows are in one group when a chain of pairs that reach the threshold joins them.`,
    );
  addOutputFlags(command);
  command.action((source: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => dedup(context, source)),
  );
}
