import { Argument, type Command, type OptionValues } from 'commander';
import { DiptychError, throwIfAborted, toDiptychError } from '../errors.js';
import type { AlignOptions } from '../tasks/filters/align.js';
import type { FilterRule, PoolOptions, PoolResult } from '../tasks/filters/pool.js';
import { jsonLine } from './curate.js';
import type { Context, Terminal } from './context.js';
import { readJsonFile, readLines, readSet } from './embedded.js';
import { FAILURES_HELP, failuresFile, writeFailures } from './failures.js';
import { addOutputFlags, finiteNumber, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

function needed({ flags }: Context, name: string, flag: string): string {
  const value = flags.string(name);
  if (value !== null) return value;
  throw new DiptychError('BAD_OPTION', `this rule needs ${flag}`, { input: flag });
}

/** What a rule takes from embeddings of the pool, row by row. */
async function fromEmbeddings(context: Context, rule: FilterRule): Promise<PoolOptions> {
  const { flags } = context;
  const source = flags.string('embedded');
  const scores = await import('../tasks/filters/scores.js');
  if (rule === 'image') {
    const folder = needed(context, 'embedded', '--embedded');
    const centroids = await readSet(needed(context, 'centroids', '--centroids'));
    const targets = await readSet(needed(context, 'targets', '--targets'), 'image');
    return { near: new Set(await scores.nearTargets(await readSet(folder, 'image'), centroids, targets)) };
  }
  if (rule === 'linear') {
    const folder = needed(context, 'embedded', '--embedded');
    const file = needed(context, 'head', '--head');
    const head = scores.parseLinearHead(await readJsonFile(file), file);
    return { scores: await scores.linearScores(await readSet(folder, 'image'), head) };
  }
  if (source === null || !['score', 'dfn', 'laion'].includes(rule)) return {};
  return { scores: scores.pairScores(await readSet(source, 'image'), await readSet(source, 'text')) };
}

/** ALIGN's thresholds, by the name that flag and option share. */
const ALIGN_FLAGS = [
  'textsPerImage',
  'imagesPerText',
  'leastWords',
  'mostWords',
  'side',
  'aspect',
  'vocabulary',
] as const satisfies readonly (keyof AlignOptions)[];

function alignOptions({ flags }: Context, rule: FilterRule): Pick<PoolOptions, 'align'> {
  const given = ALIGN_FLAGS.filter((name) => flags.has(name));
  const [first] = given;
  if (first === undefined) return {};
  if (rule !== 'align')
    throw new DiptychError('BAD_OPTION', `${rule} has no such threshold: it is one of align`, {
      input: first,
    });
  return { align: Object.fromEntries(given.map((name) => [name, flags.number(name)])) };
}

function ruleOptions({ flags }: Context): PoolOptions {
  const [threshold, fraction] = [flags.number('threshold'), flags.number('fraction')];
  if (threshold !== null && fraction !== null)
    throw new DiptychError('BAD_OPTION', 'give --threshold or --fraction, not both', { input: '--fraction' });
  const [scoreColumn, wordnet] = [flags.string('scoreColumn'), flags.string('wordnet')];
  return {
    ...(threshold === null ? {} : { threshold }),
    ...(fraction === null ? {} : { fraction }),
    ...(scoreColumn === null ? {} : { scoreColumn }),
    ...(wordnet === null ? {} : { wordnet }),
    languageColumn: flags.string('languageColumn') ?? 'language',
  };
}

/** The first of these columns that a row has names its file in lists and shards. */
const NAMES = ['key', '__key__', 'image_path', 'url', 'image', 'uid'];

function nameOf(row: Readonly<Record<string, unknown>>, column: string | null): string {
  for (const name of column === null ? NAMES : [column]) {
    const value = row[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

async function write(context: Context, { kept }: PoolResult): Promise<Record<string, unknown>> {
  const { flags } = context;
  const [{ uidsToNpy }, { textOf }, { writeFileAtomic }] = await Promise.all([
    import('../tasks/filters/uids.js'),
    import('../tasks/rows-file.js'),
    import('../output/atomic.js'),
  ]);
  const [out, column, folder] = [
    flags.string('out') ?? '',
    flags.string('nameColumn'),
    flags.string('shards'),
  ];
  if (/\.npy$/i.test(out))
    await writeFileAtomic(out, uidsToNpy(kept.map(({ row }) => textOf(row, 'uid') ?? '')));
  else if (/\.txt$/i.test(out))
    await writeFileAtomic(out, kept.map(({ row }) => `${nameOf(row, column)}\n`).join(''));
  else await writeFileAtomic(out, kept.map(({ index, row }) => jsonLine({ index, ...row })).join(''));
  if (folder === null) return {};
  const { filterShards } = await import('../tasks/filters/shards.js');
  const keys = new Set(kept.map(({ row }) => nameOf(row, column)));
  const perShard = flags.number('shardSize') ?? 10_000;
  const made = await filterShards(flags.strings('tars'), keys, folder, { perShard, signal: context.signal });
  return { shards: made.shards.length, samples: made.samples, missing: made.missing };
}

async function filter(context: Context, rule: FilterRule, files: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const { filterPool } = await import('../tasks/filters/pool.js');
  const failures = failuresFile(flags.string('failures'), flags.string('out') ?? '');
  const list = flags.string('offsets');
  const words = list === null ? null : (await readLines(list)).join(' ').split(/\s+/);
  const offsets = words === null ? {} : { offsets: new Set(words.map((id) => Number(id.replace(/^n/, '')))) };
  const own = { ...ruleOptions(context), ...alignOptions(context, rule), ...offsets };
  const scored = await fromEmbeddings(context, rule);
  const progress = context.progress('filter');
  const result = await filterPool(files, rule, {
    ...own,
    ...scored,
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  context.endProgress();
  const made = await write(context, result);
  await writeFailures(failures, result.incomplete);
  const { threshold, dropped } = result;
  const summary = { rows: result.rows, kept: result.kept.length, incomplete: result.incomplete.length };
  if (context.json) context.printJson({ rule, ...summary, threshold, dropped, ...made });
  else {
    context.print(`${String(summary.kept)} of ${String(summary.rows)} rows kept`);
    const reasons = Object.entries(dropped ?? {}).filter(([, count]) => count > 0);
    if (reasons.length > 0)
      context.note(`dropped: ${reasons.map(([why, count]) => `${why} ${String(count)}`).join(', ')}`);
  }
  for (const { index, message } of result.incomplete.slice(0, 5))
    context.note(`row ${String(index)}: ${message}`);
  if (summary.incomplete > 0) context.note(`${String(summary.incomplete)} incomplete rows: ${failures}`);
  return summary.incomplete > 0 ? 3 : 0;
}

type Algebra = 'union' | 'intersection' | 'difference';

async function combine(context: Context, how: Algebra, files: readonly string[]): Promise<ExitCode> {
  const [{ combineUids, uidsFromNpy, uidsToNpy }, { writeFileAtomic }, { readFile }] = await Promise.all([
    import('../tasks/filters/uids.js'),
    import('../output/atomic.js'),
    import('node:fs/promises'),
  ]);
  const sets: string[][] = [];
  const progress = context.progress('combine');
  progress.total(files.length);
  for (const file of files) {
    throwIfAborted(context.signal);
    const bytes = await readFile(file).catch((error: unknown) => {
      throw toDiptychError(error, 'INPUT_NOT_FOUND', file);
    });
    sets.push(uidsFromNpy(bytes, file));
    progress.update({ done: sets.length });
  }
  const [first = [], ...others] = sets;
  const kept = combineUids(how, first, ...others);
  context.endProgress();
  await writeFileAtomic(context.flags.string('out') ?? '', uidsToNpy(kept));
  if (context.json) context.printJson({ how, sizes: sets.map((set) => set.length), kept: kept.length });
  else context.print(`${String(kept.length)} uids`);
  return 0;
}

const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

export function registerFilter(program: Command, terminal: Terminal): void {
  const rules = ['basic', 'text', 'image', 'laion', 'score', 'dfn', 'linear', 'align'];
  const command = program
    .command('filter')
    .description(
      "the rows of an image-text pool that a published rule keeps: DataComp's, DFN's, LAION's, ALIGN's",
    )
    .addArgument(new Argument('<rule>', 'which rule').choices(rules))
    .argument('<pool...>', ".parquet or .jsonl files with DataComp's columns")
    .requiredOption('--out <file>', 'DataComp subset (.npy), list of files (.txt) or rows kept (.jsonl)')
    .option('--threshold <x>', 'least score', finiteNumber)
    .option('--fraction <x>', 'share to keep, the best first', positiveNumber)
    .option('--score-column <name>', 'column of the scores')
    .option(
      '--embedded <dir>',
      'embeddings of the pool, row by row: scores come from them (dfn: of a filtering model)',
    )
    .option('--head <file.json>', 'linear: { weights, bias }, as an aesthetic predictor')
    .option('--centroids <file.npy>', 'image: clusters of diptych kmeans')
    .option('--targets <set>', 'image: embedded images to be near to')
    .option('--language-column <name>', 'column of the languages (default: language)')
    .option('--wordnet <dir>', "WordNet's dict folder, for text")
    .option('--offsets <file>', 'synset offsets, for text')
    .option('--name-column <name>', `names in lists and shards (default: the first of ${NAMES.join(', ')})`)
    .option('--shards <dir>', 'also write the samples kept as new shards')
    .option('--tars <file.tar>', 'where the samples are (may be given several times)', collect)
    .option('--shard-size <n>', 'samples a shard (default: 10000)', wholeNumber(1))
    .option('--failures <file.jsonl>', FAILURES_HELP)
    .option('--texts-per-image <n>', 'align: most alt texts an image (default: 1000)', wholeNumber(1))
    .option('--images-per-text <n>', 'align: most images an alt text (default: 10)', wholeNumber(1))
    .option('--least-words <n>', 'align: of a text (default: 3)', wholeNumber(0))
    .option('--most-words <n>', 'align: of a text (default: 20)', wholeNumber(1))
    .option('--side <pixels>', 'align: the shorter side must be longer (default: 200)', wholeNumber(0))
    .option('--aspect <x>', 'align: long over short side must be below (default: 3)', positiveNumber)
    .option(
      '--vocabulary <n>',
      'align: unigrams and bigrams that are not rare (default: 100000000)',
      wholeNumber(1),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ diptych filter basic metadata/*.parquet --out basic.npy
  $ diptych filter score metadata/*.parquet --fraction 0.3 --out best.npy
  $ diptych filter dfn pairs.jsonl --embedded dfn-embeddings/ --fraction 0.15 --out kept.jsonl
  $ diptych filter align metadata/*.parquet --vocabulary 1000000 --least-words 2 --out clean.npy
  $ diptych filter linear pairs.jsonl --embedded clip/ --head aesthetic.json --threshold 5 --out kept.txt
  $ diptych filter score pairs.jsonl --threshold 0.28 --out kept.txt --shards clean/ --tars web/00000.tar
  $ diptych combine intersection basic.npy best.npy --out both.npy`,
    );
  addOutputFlags(command).action((rule: FilterRule, files: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => filter(context, rule, files)),
  );
  const algebra = program
    .command('combine')
    .description('set algebra of DataComp subsets')
    .addArgument(new Argument('<how>', 'which').choices(['union', 'intersection', 'difference']))
    .argument('<subset.npy...>', 'subsets; a difference takes all others from the first')
    .requiredOption('--out <file.npy>', 'where the result goes')
    .addHelpText('after', '\nExample:\n  $ diptych combine intersection basic.npy best.npy --out both.npy');
  addOutputFlags(algebra).action((how: Algebra, files: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => combine(context, how, files)),
  );
}
