import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { DiptychError } from '../errors.js';
import { makeFolder } from '../folders.js';
import { compareReports, type CompareReport } from './compare.js';
import { parseReport, type BenchReport } from './records.js';
import { htmlReport } from './report/html.js';
import { fillMarkers, markdownRatios, markdownReport } from './report/markdown.js';
import { ratio } from './report/format.js';
import { markdownHeadlines, type Source } from './report/headlines.js';
import { refreshPage } from './report/pages.js';
import { terminalReport } from './report/terminal.js';
import { runBench, suiteNames, type BenchOptions } from './run.js';

/** 0: all done; 1: failed, or slower than before; 2: wrong usage; 130: interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

interface RunFlags {
  readonly json?: boolean;
  readonly out?: string;
  readonly html?: string;
  readonly markdown?: string;
  readonly filter?: string;
  readonly model?: string;
  readonly images?: string;
  readonly peers: boolean;
  readonly smoke?: boolean;
  readonly seconds?: number;
  readonly threads?: number;
  readonly quiet?: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number above 0');
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function loadText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new DiptychError('INPUT_NOT_FOUND', 'cannot be read', { input: file, cause });
  }
}

const load = async (file: string): Promise<BenchReport> => parseReport(await loadText(file), file);

async function save(file: string, text: string): Promise<void> {
  await makeFolder(dirname(file));
  await writeFile(file, text);
}

function optionsOf(suites: readonly string[], flags: RunFlags): BenchOptions {
  return {
    ...(suites.length === 0 ? {} : { suites }),
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
    ...(flags.model === undefined ? {} : { model: flags.model }),
    ...(flags.images === undefined ? {} : { images: flags.images }),
    ...(flags.seconds === undefined ? {} : { seconds: flags.seconds }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    peers: flags.peers,
    smoke: flags.smoke === true,
    onCase: ({ suite, name, subjects }, index, count) => {
      if (flags.quiet !== true)
        say(
          `[${String(index + 1)}/${String(count)}] ${suite}: ${name} (${subjects.map((one) => one.name).join(', ')})`,
        );
    },
  };
}

/** Runs the suites, prints the tables, keeps the records. 1 where one of our own subjects failed. */
async function run(suites: readonly string[], flags: RunFlags): Promise<ExitCode> {
  const report = await runBench(optionsOf(suites, flags));
  const json = `${JSON.stringify(report, null, 1)}\n`;
  process.stdout.write(flags.json === true ? json : terminalReport(report));
  if (flags.out !== undefined) {
    await save(flags.out, json);
    say(`results: ${flags.out}`);
  }
  if (flags.html !== undefined) {
    await save(flags.html, await htmlReport(report));
    say(`report: ${flags.html}`);
  }
  if (flags.markdown !== undefined) {
    await save(flags.markdown, markdownReport(report, flags.out ?? 'a run that was not kept'));
    say(`tables: ${flags.markdown}`);
  }
  const failed = report.absent.filter(({ kind, role }) => kind === 'failed' && role !== 'peer');
  for (const one of failed) say(`FAILED ${one.suite}: ${one.case}: ${one.subject}: ${one.reason}`);
  return failed.length === 0 ? 0 : 1;
}

/** A comparison that shows changes of this size is fine enough. */
const FINE = 0.05;

interface FillFlags {
  readonly ratios?: boolean;
  readonly headlines?: boolean;
  readonly again?: boolean;
  readonly marker?: string;
}

/** Takes every figure of the pages from the records that the pages name. All of them, or none where one is missing. */
async function fillAgain(pages: readonly string[]): Promise<void> {
  const records = new Map<string, Promise<BenchReport>>();
  const once = (file: string): Promise<BenchReport> => {
    const found = records.get(file) ?? load(file);
    records.set(file, found);
    return found;
  };
  const filled = await Promise.all(
    pages.map(async (page) => {
      const text = await loadText(page);
      return { page, text, fresh: await refreshPage(text, resolve(page), process.cwd(), once) };
    }),
  );
  for (const { page, text, fresh } of filled) if (fresh !== text) await save(page, fresh);
}

/** Puts the tables of all files but the last into the last. Throws BAD_OPTION where a kind of table takes one record. */
async function fill(files: readonly string[], flags: FillFlags): Promise<void> {
  if (flags.again === true) return fillAgain(files);
  const page = files.at(-1) ?? '';
  const sources = await Promise.all(
    files.slice(0, -1).map(async (file): Promise<Source> => ({ file, report: await load(file) })),
  );
  if (flags.headlines === true) {
    await fillMarkers(page, flags.marker ?? 'headlines', markdownHeadlines(sources));
    return;
  }
  const [source] = sources;
  if (source === undefined || sources.length > 1) {
    throw new DiptychError('BAD_OPTION', 'expected one results file and a page (several: --headlines)', {
      input: 'bench fill',
    });
  }
  const [name, tables] =
    flags.ratios === true ? (['ratios', markdownRatios] as const) : (['tables', markdownReport] as const);
  await fillMarkers(page, flags.marker ?? name, tables(source.report, source.file));
}

function printComparison(report: CompareReport): void {
  const { comparisons, onlyOld, onlyNew, warnings, regressions, resolution, drift } = report;
  for (const warning of warnings) say(`warning: ${warning}`);
  for (const one of comparisons) {
    if (one.change === 'same') continue;
    const [low, high] = one.interval;
    process.stdout.write(
      `${one.change.toUpperCase()} ${one.suite} / ${one.case} / ${one.subject}: ` +
        `${ratio(one.corrected ?? one.speed)} of the old speed (${ratio(low)} to ${ratio(high)}` +
        `${one.corrected === null ? '' : `; ${ratio(one.speed)} as measured`})\n`,
    );
    if (one.change === 'slower') {
      process.stdout.write(`  look closer: diptych bench ${one.suite} --filter "${one.case}" --seconds 20\n`);
    }
  }
  for (const name of onlyOld) process.stdout.write(`gone: ${name}\n`);
  for (const name of onlyNew) process.stdout.write(`new: ${name}\n`);
  const same = comparisons.filter((one) => one.change === 'same').length;
  const faster = comparisons.length - same - regressions;
  process.stdout.write(
    `${String(comparisons.length)} compared: ${String(same)} unchanged, ${String(faster)} faster, ${String(regressions)} slower\n`,
  );
  if (drift !== null && Math.abs(Math.log(drift)) > FINE) {
    process.stdout.write(
      `the machine itself ran at ${ratio(drift)} of its old speed: a change has to be larger than that explains\n`,
    );
  }
  process.stdout.write(
    `changes below ${(100 * resolution).toFixed(0)} % cannot be told from this machine's noise in these runs` +
      `${resolution > FINE ? '; more --seconds tell smaller ones' : ''}\n`,
  );
}

/**
 * The `bench` command with its sub-commands, for the command line and for `npm run bench`.
 * `done` is told the exit code.
 */
export function benchCommand(done: (exitCode: ExitCode) => void): Command {
  const command = new Command('bench')
    // What comes after a sub-command's name is the sub-command's: both have --json and --html.
    .enablePositionalOptions()
    .description('measure Diptych, the limits of this machine and, where installed, other engines')
    .argument('[suites...]', `any of ${suiteNames.join(', ')} (default: all)`)
    .option('--json', 'print the records as JSON')
    .option('--out <file>', 'write the records to a file as well')
    .option('--html <file>', 'write a report with charts')
    .option('--markdown <file>', 'write the tables in Markdown')
    .option('--filter <text>', 'only cases whose name holds this text')
    .option(
      '--model <name|dir>',
      'your own model, for the tokenize, encoder, embed, start, memory and event-loop suites',
    )
    .option('--images <dir>', 'your own photos, for the preprocess and embed suites')
    .option('--no-peers', 'leave other engines out')
    .option('--smoke', 'one sample of everything, for correctness only')
    .option('--seconds <s>', 'measure each subject for at least this long (default 2)', positive)
    .option('--threads <n>', 'threads of the many-threaded cases', positive)
    .option('--quiet', 'no progress')
    .action(async (suites: string[], flags: RunFlags) => {
      done(await run(suites, flags));
    });
  command
    .command('compare <old> <new>')
    .description('tell real changes from noise; exit code 1 when something got slower')
    .option('--threshold <percent>', 'changes up to this are never reported', positive, 5)
    .option('--json', 'print the comparison as JSON')
    .action(async (old: string, fresh: string, flags: { threshold: number; json?: boolean }) => {
      const found = compareReports(await load(old), await load(fresh), { threshold: flags.threshold / 100 });
      if (flags.json === true) process.stdout.write(`${JSON.stringify(found, null, 1)}\n`);
      else printComparison(found);
      done(found.regressions === 0 ? 0 : 1);
    });
  command
    .command('report <results>')
    .description('tables and charts of a results file')
    .option('--html <file>', 'a page with charts')
    .option('--markdown', 'print Markdown')
    .action(async (file: string, flags: { html?: string; markdown?: boolean }) => {
      const report = await load(file);
      if (flags.html !== undefined) await save(flags.html, await htmlReport(report));
      if (flags.markdown === true) process.stdout.write(markdownReport(report, file));
      if (flags.html === undefined && flags.markdown !== true) process.stdout.write(terminalReport(report));
      done(0);
    });
  command
    .command('fill <files...>')
    .usage('[options] <results...> <page> | --again <pages...>')
    .description(
      'put the tables between two lines of a Markdown page, <!-- bench:tables --> and <!-- /bench:tables -->',
    )
    .option('--ratios', 'only the ratios, between lines that say ratios instead of tables')
    .option('--headlines', 'the main ratios of several records, between lines that say headlines')
    .option('--again', 'all tables and linked figures of the pages, from the records that the pages name')
    .option('--marker <name>', 'another name for the lines, for pages with tables of several records')
    .action(async (files: string[], flags: FillFlags) => {
      await fill(files, flags);
      done(0);
    });
  return command;
}

/** Where records and reports go unless the flags of these names say otherwise. */
export interface DefaultFiles {
  readonly out: string;
  readonly html: string;
  readonly markdown: string;
}

/** Runs `bench ARGUMENTS` and gives the exit code. */
export async function main(args: readonly string[], files: DefaultFiles | null): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const command = benchCommand((code) => {
    exitCode = code;
  });
  command.exitOverride();
  for (const sub of command.commands) sub.exitOverride();
  if (files !== null) {
    for (const [name, file] of Object.entries(files)) {
      command.setOptionValueWithSource(name, file, 'default');
    }
    const shown = Object.values(files).map((file: string) => relative(process.cwd(), file));
    command
      .name('npm run bench --')
      .addHelpText('after', `\nUnless told otherwise it writes ${shown.join(', ')}.`);
  }
  try {
    await command.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    if (!(thrown instanceof DiptychError)) throw thrown;
    say(`diptych: ${thrown.code}: ${thrown.message}`);
    return thrown.exitCode === 2 ? 2 : thrown.code === 'ABORTED' ? 130 : 1;
  }
  return exitCode;
}
