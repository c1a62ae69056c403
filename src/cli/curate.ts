import { readFile } from 'node:fs/promises';
import { Argument, Option, type Command, type OptionValues } from 'commander';
import { DiptychError, toDiptychError } from '../errors.js';
import type { FilterRule } from '../tasks/filters/pool.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags, finiteNumber, positiveNumber, wholeNumber } from './flags.js';
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
const jsonLine = (value: unknown): string =>
  `${JSON.stringify(value, (_, held: unknown) => (typeof held === 'bigint' ? Number(held) : held))}\n`;

async function curate(context: Context, files: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const [{ curatePool }, { AtomicFile, publishAll }] = await Promise.all([
    import('../tasks/metaclip/curate.js'),
    import('../output/atomic.js'),
  ]);
  const entries = await readEntries(flags.string('entries') ?? '');
  const file = await AtomicFile.create(flags.string('out') ?? '');
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
          progress.update({ done });
        },
      },
    );
    context.endProgress();
    await publishAll([file]);
    const head = counts.reduce((sum, count) => sum + (count > (flags.number('t') ?? 20_000) ? 1 : 0), 0);
    if (context.json) context.printJson({ ...summary, headEntries: head });
    else {
      context.print(
        `${String(summary.kept)} of ${String(summary.texts)} texts kept (${String(summary.matched)} matched; ${String(head)} entries above t)`,
      );
    }
    return summary.incomplete > 0 ? 3 : 0;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function filter(context: Context, rule: FilterRule, files: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const [{ filterPool }, { uidsToNpy }, { textOf }, { writeFileAtomic }] = await Promise.all([
    import('../tasks/filters/pool.js'),
    import('../tasks/filters/uids.js'),
    import('../tasks/rows-file.js'),
    import('../output/atomic.js'),
  ]);
  const [threshold, fraction] = [flags.number('threshold'), flags.number('fraction')];
  if (threshold !== null && fraction !== null)
    throw new DiptychError('BAD_OPTION', 'give --threshold or --fraction, not both', { input: '--fraction' });
  const [scoreColumn, wordnet, list] = [
    flags.string('scoreColumn'),
    flags.string('wordnet'),
    flags.string('offsets'),
  ];
  const offsets =
    list === null
      ? null
      : new Set((await readText(list)).split(/\s+/).map((id) => Number(id.replace(/^n/, ''))));
  const result = await filterPool(files, rule, {
    ...(threshold === null ? {} : { threshold }),
    ...(fraction === null ? {} : { fraction }),
    ...(scoreColumn === null ? {} : { scoreColumn }),
    ...(wordnet === null ? {} : { wordnet }),
    ...(offsets === null ? {} : { offsets }),
    languageColumn: flags.string('languageColumn') ?? 'language',
  });
  const out = flags.string('out') ?? '';
  const content = /\.npy$/i.test(out)
    ? uidsToNpy(result.kept.map(({ row }) => textOf(row, 'uid') ?? ''))
    : result.kept.map(({ index, row }) => jsonLine({ index, ...row })).join('');
  await writeFileAtomic(out, content);
  const summary = { rows: result.rows, kept: result.kept.length, incomplete: result.incomplete.length };
  if (context.json) context.printJson({ rule, ...summary, threshold: result.threshold });
  else context.print(`${String(summary.kept)} of ${String(summary.rows)} rows kept`);
  for (const { index, message } of result.incomplete.slice(0, 5))
    context.note(`row ${String(index)}: ${message}`);
  return summary.incomplete > 0 ? 3 : 0;
}

export function registerCurate(program: Command, terminal: Terminal): void {
  const command = program
    .command('curate')
    .description("MetaCLIP's curation of captions: match metadata entries, then balance head and tail")
    .argument('<pool...>', '.parquet, .jsonl, or text files with one caption a line')
    .requiredOption('--entries <file>', 'metadata: a JSON list, or one entry a line')
    .requiredOption('--out <file.jsonl>', 'where the rows kept go')
    .option('--t <n>', 'matches up to which an entry keeps all its texts (default: 20000)', positiveNumber)
    .addOption(new Option('--metaclip <version>', 'whose rules').choices(['1', '2']).default('1'))
    .option('--text-column <name>', 'column of the captions (default: text)')
    .option('--seed <n>', "of Python's random stream (default: 0)", wholeNumber(0))
    .addHelpText(
      'after',
      '\nExample:\n  $ diptych curate captions.parquet --entries metadata.json --t 20000 --out kept.jsonl',
    );
  addOutputFlags(command).action((files: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => curate(context, files)),
  );
}

export function registerFilter(program: Command, terminal: Terminal): void {
  const command = program
    .command('filter')
    .description("the rows of an image-text pool that a published rule keeps: DataComp's, LAION's, ALIGN's")
    .addArgument(new Argument('<rule>', 'which rule').choices(['basic', 'text', 'laion', 'score', 'align']))
    .argument('<pool...>', ".parquet or .jsonl files with DataComp's columns")
    .requiredOption('--out <file>', 'DataComp subset (.npy) or rows kept (.jsonl)')
    .option('--threshold <x>', 'least score', finiteNumber)
    .option('--fraction <x>', 'share to keep, the best first', positiveNumber)
    .option('--score-column <name>', 'column of the scores')
    .option('--language-column <name>', 'column of the languages (default: language)')
    .option('--wordnet <dir>', "WordNet's dict folder, for text")
    .option('--offsets <file>', 'synset offsets, for text')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych filter basic metadata/*.parquet --out basic.npy
  $ diptych filter score metadata/*.parquet --fraction 0.3 --out best.npy
  $ diptych filter score pairs.jsonl --score-column dfn --threshold 0.2 --out kept.jsonl`,
    );
  addOutputFlags(command).action((rule: FilterRule, files: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => filter(context, rule, files)),
  );
}
