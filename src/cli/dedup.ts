import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import { writeFileAtomic } from '../output/atomic.js';
import { openEmbeddings, readMetadata, type EmbeddingSet } from '../output/embedding-set.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags, finiteNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';
import { shorten, table } from './table.js';

/** One kept row a line: its image's path or its text where the metadata tells, else its number. */
async function writeKeepList(set: EmbeddingSet, keep: readonly number[], file: string): Promise<void> {
  const metadata = await readMetadata(set, keep);
  const lines = keep.map((row, at) => {
    const cells = metadata[at] ?? {};
    const name = [cells['image_path'], cells['text']].find((cell) => typeof cell === 'string');
    return (name ?? String(row)).replace(/[\r\n]+/g, ' ');
  });
  await writeFileAtomic(file, lines.map((line) => `${line}\n`).join(''));
}

async function dedup(context: Context, source: string): Promise<ExitCode> {
  const { flags } = context;
  const threshold = flags.number('threshold');
  if (threshold === null) throw new DiptychError('BAD_OPTION', 'expected a number', { input: '--threshold' });
  const set = await openEmbeddings(source, flags.oneOf('against', 'image', 'text'));
  const [{ duplicateGroups }, { openRows }] = await Promise.all([
    import('../pipeline/duplicates.js'),
    import('../pipeline/row-source.js'),
  ]);
  const rows = await openRows(set);
  const threads = flags.number('threads');
  const onProgress = context.onProgress('dedup');
  onProgress(0, rows.rows);
  const groups = await duplicateGroups(rows, threshold, {
    signal: context.signal,
    onProgress,
    ...(threads === null ? {} : { threads }),
  });
  context.endProgress();
  // Of every group its first row stays, and so does every row that is in none.
  const surplusRows = new Set(groups.flatMap((group) => group.slice(1)));
  const keep = Array.from({ length: set.rows }, (_, row) => row).filter((row) => !surplusRows.has(row));
  const keepFile = flags.string('keep');
  if (keepFile !== null) await writeKeepList(set, keep, keepFile);
  const metadata = await readMetadata(set, groups.flat());
  let at = 0;
  const described = groups.map((group) => group.map((row) => ({ row, ...metadata[at++] })));
  const surplus = groups.reduce((sum, group) => sum + group.length - 1, 0);
  if (context.json) {
    context.printJson({ rows: set.rows, threshold, groups: described, surplus, keep });
    return 0;
  }
  const lines = described.flatMap((group, number) =>
    group.map((member: Readonly<Record<string, unknown>>, position) => {
      const label = [member['image_path'], member['text']].find((cell) => typeof cell === 'string') ?? '';
      return [
        position === 0 ? String(number + 1) : '',
        position === 0 ? 'keep' : '',
        String(member['row']),
        shorten(label, 80),
      ];
    }),
  );
  if (lines.length > 0)
    context.print(table(['group', '', 'row', set.tower === 'text' ? 'text' : 'image'], lines));
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
    .option(
      '--keep <file>',
      'write the rows to keep, one a line: image path or text where known, else row number',
    )
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 256))
    .addHelpText(
      'after',
      `
Examples:
  $ diptych dedup embedded --threshold 0.95
  $ diptych dedup embedded --threshold 0.98 --against text --json
  $ diptych dedup embedded --threshold 0.95 --keep keep.txt

Rows are in one group when a chain of pairs that reach the threshold joins them.
The first row of each group is kept, with all rows that are in no group (--keep, and "keep" of --json).`,
    );
  addOutputFlags(command);
  command.action((source: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => dedup(context, source)),
  );
}
