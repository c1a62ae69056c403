import { stat } from 'node:fs/promises';
import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { Model } from '../engine.js';
import type { Failure } from '../pipeline/types.js';
import { openEmbeddings, readMetadata, type EmbeddingSet } from '../output/embedding-set.js';
import {
  matchesOfRow,
  saveMatches,
  type Match,
  type MatchFormat,
  type Matches,
} from '../output/match-file.js';
import type { RowSource } from '../pipeline/row-source.js';
import type { TopKOptions } from '../similarity/topk.js';
import type { InputItem } from '../input/item.js';
import { sniffFile } from '../input/sniff.js';
import type { Context, Terminal } from './context.js';
import {
  addImageFlags,
  addModelFlags,
  addTextFlags,
  finiteNumber,
  modelOptions,
  wholeNumber,
} from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';
import { score, shorten, table } from './table.js';

/** Largest matrix that is printed. */
const MOST_COLUMNS = 12;
const MOST_ROWS = 40;
const PRINTED_NAME = 24;

/** Rows of a set on disk that are named in tables and heat maps; beyond it no cell is large enough for a name. */
const MOST_LABELS = 400;

/** What is printed of a side. */
interface Labelled {
  readonly rows: number;
  readonly labels: readonly string[] | null;
}

/** The same with a name for each row that was embedded now. */
interface Named extends Labelled {
  readonly names: readonly string[] | null;
}

/** One side of the comparison. */
interface Side extends RowSource, Named {
  readonly failures: readonly Failure[];
}

/** Whether a path holds embeddings (.npy, .parquet, a folder with them) and not things to embed. */
async function isEmbeddings(given: string): Promise<boolean> {
  const found = await stat(given).catch(() => null);
  if (found === null) return /\.npy$/.test(given);
  if (found.isFile()) return (await sniffFile(given)) === 'npy';
  return openEmbeddings(given).then(
    () => true,
    (error: unknown) => {
      if (error instanceof DiptychError && error.code === 'OUTPUT_INVALID' && /holds no/.test(error.message))
        return false;
      throw error;
    },
  );
}

/** Lends the model to those who need it: comparing two files on disk needs none. */
class LazyModel implements AsyncDisposable {
  readonly #context: Context;
  #model: Promise<Model> | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  get(): Promise<Model> {
    const { flags } = this.#context;
    this.#model ??= import('../engine.js').then(({ loadModel }) =>
      loadModel(
        flags.string('model') ?? undefined,
        modelOptions(flags, (message) => {
          this.#context.warn(message);
        }),
      ),
    );
    return this.#model;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const model = await this.#model?.catch(() => null);
    await model?.close();
  }
}

async function openSide(context: Context, given: string, models: LazyModel): Promise<Side> {
  const { openRows, rowsInMemory } = await import('../pipeline/row-source.js');
  if (await isEmbeddings(given)) {
    const set = await openEmbeddings(given);
    return { ...(await openRows(set)), names: null, labels: await labelsOf(set), failures: [] };
  }
  const { embedItems, joinEmbeddings } = await import('../pipeline/embed-list.js');
  const items: InputItem[] = [];
  for await (const item of openItems(context, [given], 'auto')) items.push(item);
  const kind = items.some((item) => item.shape === 'image' || item.shape === 'pair') ? 'image' : 'text';
  const model = await models.get();
  const embedded = await joinEmbeddings(embedItems(model, items, kind, context.signal));
  if (embedded.rows === 0) {
    const [failure] = embedded.failures;
    throw failure === undefined
      ? new DiptychError('BAD_INPUT', 'there is nothing in it to embed', { input: given })
      : new DiptychError(failure.code, failure.message, { input: failure.input });
  }
  const { names, failures } = embedded;
  return { ...rowsInMemory(embedded), names, labels: names, failures };
}

/** Image paths or texts of a small set's rows, from its metadata. */
async function labelsOf(set: EmbeddingSet): Promise<readonly string[] | null> {
  if (set.rows > MOST_LABELS || set.parts.every(({ metadata }) => metadata === null)) return null;
  const metadata = await readMetadata(
    set,
    Array.from({ length: set.rows }, (_, row) => row),
  );
  return metadata.map((cells, row) => {
    const label = [cells['image_path'], cells['text']].find((cell) => typeof cell === 'string');
    return label ?? String(row);
  });
}

/** Which of the endings a flag's file has. Throws BAD_OPTION. */
function endingOf<T extends string>(flag: string, file: string, ...known: readonly T[]): T {
  const found = known.find((ending) => file.toLowerCase().endsWith(`.${ending}`));
  if (found !== undefined) return found;
  const [last = '', ...others] = known.map((ending) => `.${ending}`).reverse();
  throw new DiptychError(
    'BAD_OPTION',
    `expected a file that ends in ${others.reverse().join(', ')} or ${last}`,
    {
      input: `${flag} ${file}`,
    },
  );
}

interface MatchFile {
  readonly file: string;
  readonly format: MatchFormat;
}

/** What `--matches` is to be; null where there is no such flag. Throws BAD_OPTION. */
function matchFile({ flags }: Context): MatchFile | null {
  const file = flags.string('matches');
  if (file === null) return null;
  if (flags.number('top') !== null || flags.number('threshold') !== null) {
    return { file, format: endingOf('--matches', file, 'csv', 'jsonl', 'npy') };
  }
  throw new DiptychError('BAD_OPTION', 'needs --top or --threshold, which say what a match is', {
    input: `--matches ${file}`,
  });
}

/** Errors of a comparison, under the names of what was given instead of the parameters'. */
async function named<T>(left: string, right: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const names = new Map([
      ['a', left],
      ['queries', left],
      ['b', right],
      ['rows', right],
    ]);
    if (!(error instanceof DiptychError)) throw error;
    const [start = '', parameter = ''] = /^(\w+): /.exec(error.message) ?? [];
    const input = names.get(parameter);
    if (input === undefined) throw error;
    throw new DiptychError(error.code, error.message.slice(start.length), { cause: error, input });
  }
}

const rowName = (side: Labelled, row: number): string => side.labels?.[row] ?? String(row);

function* rowsOf(matches: Matches): Generator<Match[]> {
  for (let row = 0; row < matches.rows; row++) yield matchesOfRow(matches, row);
}

/** Writes the matches where that is asked for, and prints them. */
async function tellMatches(
  context: Context,
  a: Named,
  b: Named,
  matches: Matches,
  target: MatchFile | null,
): Promise<void> {
  if (target !== null) {
    await saveMatches(matches, target.file, target.format, { rows: a.names, columns: b.names });
  }
  if (context.json) {
    await context.printJsonList({ shape: [a.rows, b.rows] }, 'top', rowsOf(matches));
  } else if (target === null) {
    printMatches(context, a, b, matches);
  } else {
    context.note(`${target.file}: ${String(matches.indices.length)} matches of ${String(a.rows)} rows`);
  }
}

function printMatches(context: Context, a: Labelled, b: Labelled, matches: Matches): void {
  const lines: string[][] = [];
  let row = 0;
  for (const hits of rowsOf(matches)) {
    for (const [rank, { index, score: value }] of hits.entries()) {
      lines.push([
        rank === 0 ? shorten(rowName(a, row), PRINTED_NAME * 2) : '',
        String(rank + 1),
        shorten(rowName(b, index), PRINTED_NAME * 2),
        score(value),
      ]);
    }
    row++;
  }
  context.print(table(['row', 'rank', 'match', 'score'], lines));
}

function scoreOptions(context: Context): TopKOptions {
  const precision = context.flags.oneOf('precision', 'exact', 'fp32', 'bf16', 'int8');
  const threads = context.flags.number('threads');
  return {
    metric: context.flags.choice('metric', 'cosine', 'dot'),
    signal: context.signal,
    ...(precision === null ? {} : { precision }),
    ...(threads === null ? {} : { threads }),
  };
}

function printMatrix(context: Context, a: Labelled, b: Labelled, data: Float32Array): void {
  const columns = Array.from({ length: b.rows }, (_, column) => shorten(rowName(b, column), PRINTED_NAME));
  const rows = Array.from({ length: a.rows }, (_, row) => [
    shorten(rowName(a, row), PRINTED_NAME),
    ...columns.map((__, column) => score(data[row * b.rows + column] ?? 0)),
  ]);
  context.print(table(['', ...columns], rows));
}

async function compare(context: Context, left: string, right: string): Promise<ExitCode> {
  const { flags } = context;
  const out = flags.string('out');
  const format = out === null ? null : endingOf('--out', out, 'npy', 'csv', 'png');
  const target = matchFile(context);
  await using models = new LazyModel(context);
  const [a, b] = [await openSide(context, left, models), await openSide(context, right, models)];
  const { scoreMatrix, bestMatches, saveScores } = await import('../pipeline/compare.js');
  const { checkSameDim } = await import('../similarity/rows.js');
  checkSameDim(a, b, [left, right]);
  const options = { ...scoreOptions(context), onProgress: context.onProgress('similarity') };
  const [top, threshold] = [flags.number('top'), flags.number('threshold')];
  if (out !== null && format !== null) {
    const names =
      format === 'png' ? { rows: a.labels, columns: b.labels } : { rows: a.names, columns: b.names };
    await named(left, right, saveScores(a, b, { file: out, format, names }, options));
    context.endProgress();
    if (!context.json) context.note(`${out}: ${String(a.rows)} x ${String(b.rows)}`);
  }
  if (top !== null || threshold !== null) {
    const matches = await named(left, right, bestMatches(a, b, { top, threshold, ...options }));
    context.endProgress();
    await tellMatches(context, a, b, matches, target);
  } else if (context.json) {
    context.printJson({ shape: [a.rows, b.rows] });
  } else if (out === null && (a.rows > MOST_ROWS || b.rows > MOST_COLUMNS)) {
    context.print(
      `${String(a.rows)} x ${String(b.rows)} scores: use --out to keep them, or --top to see the best`,
    );
  } else if (out === null) {
    const { data } = await named(left, right, scoreMatrix(a, b, options));
    context.endProgress();
    printMatrix(context, a, b, data);
  }
  return context.reportFailures([...a.failures, ...b.failures]);
}

export function registerSimilarity(program: Command, terminal: Terminal): void {
  const command = program
    .command('similarity')
    .description('similarity matrix or top-k between two embedding sets')
    .argument('<a>', 'folder that diptych embed made, a .npy file, or images or texts to embed now')
    .argument('<b>', 'the same')
    .option('--top <k>', 'the k best rows of B for each row of A, instead of the matrix', wholeNumber(1))
    .option('--threshold <t>', 'only scores of at least this', finiteNumber)
    .option('--out <file>', 'write the matrix: .npy, .csv or .png (a heat map)')
    .option('--matches <file>', 'write what --top or --threshold finds: .csv, .jsonl or .npy (records)')
    .addOption(
      new Option('--precision <how>', 'arithmetic (default: fp32 for the matrix, exact for --top)').choices([
        'exact',
        'fp32',
        'bf16',
        'int8',
      ]),
    )
    .addOption(new Option('--metric <name>', 'score').choices(['cosine', 'dot']).default('cosine'))
    .addHelpText(
      'after',
      `
Examples:
  $ diptych similarity embedded/img_emb embedded/text_emb
  $ diptych similarity a.npy b.npy --top 10 --json      (both may be larger than memory)
  $ diptych similarity a.npy b.npy --top 10 --matches matches.csv
  $ diptych similarity photos/ labels.txt --out matrix.png
  $ diptych similarity embedded embedded --threshold 0.95`,
    );
  addTextFlags(addImageFlags(addUrlFlags(addModelFlags(command))));
  command.action((a: string, b: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => compare(context, a, b)),
  );
}
