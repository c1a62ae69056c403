import { existsSync } from 'node:fs';
import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { Model } from '../engine.js';
import { openEmbeddings } from '../output/embedding-set.js';
import { readRun } from '../output/run-file.js';
import type { Rows } from '../similarity/rows.js';
import { isUrl } from '../input/item.js';
import { isImageName } from '../input/sniff.js';
import type { Context, Terminal } from './context.js';
import { addImageFlags, addModelFlags, addTextFlags, modelOptions, wholeNumber } from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';
import { score, shorten, table } from './table.js';

/** The model that made the embeddings, as it was named then; null where the folder does not tell. */
async function modelOfRun(folder: string): Promise<string | null> {
  const run = await readRun(folder);
  const options: unknown = run?.['options'];
  if (typeof options !== 'object' || options === null || !('model' in options)) return null;
  return typeof options.model === 'string' ? options.model : null;
}

const isImageQuery = (query: string): boolean => isUrl(query) || (existsSync(query) && isImageName(query));

async function embedQuery(context: Context, model: Model, query: string): Promise<Rows> {
  const asked = context.flags.choice('kind', 'auto', 'image', 'text');
  const kind = asked === 'auto' ? (isImageQuery(query) ? 'image' : 'text') : asked;
  if (kind === 'text') {
    const embedded = await model.embedTexts([query], { signal: context.signal });
    const [failure] = embedded.failures;
    if (failure !== undefined)
      throw new DiptychError(failure.code, failure.message, { input: failure.input });
    return embedded;
  }
  const { embedItems, joinEmbeddings } = await import('../pipeline/embed-list.js');
  const embedded = await joinEmbeddings(
    embedItems(model, openItems(context, [query], 'image'), 'image', context.signal),
  );
  const [failure] = embedded.failures;
  if (failure !== undefined) throw new DiptychError(failure.code, failure.message, { input: query });
  return embedded;
}

async function search(context: Context, query: string): Promise<ExitCode> {
  const { flags } = context;
  const folder = flags.string('in') ?? '';
  const set = await openEmbeddings(folder, flags.oneOf('against', 'image', 'text'));
  const name = flags.string('model') ?? (await modelOfRun(folder)) ?? undefined;
  const { prepareSession } = await import('../session/worker-session.js');
  prepareSession();
  const { loadModel } = await import('../engine.js');
  const { searchSet } = await import('../pipeline/search-set.js');
  const { readMetadata } = await import('../output/embedding-set.js');
  const { checkSameDim } = await import('../similarity/rows.js');
  await using model = await loadModel(
    name,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const rows = await embedQuery(context, model, query);
  checkSameDim(rows, set, ['the query', folder]);
  const k = flags.number('top') ?? 10;
  const [hits = []] = await searchSet(rows, set, k, {
    precision: flags.choice('precision', 'exact', 'fp32', 'bf16', 'int8'),
    threads: model.options.threads,
    signal: context.signal,
    onProgress: context.onProgress('search'),
  });
  context.endProgress();
  const metadata = await readMetadata(
    set,
    hits.map(({ row }) => row),
  );
  const results = hits.map(({ row, score: value }, at) => ({
    rank: at + 1,
    score: value,
    row,
    ...metadata[at],
  }));
  if (context.json) {
    context.printJson(results);
    return 0;
  }
  const lines = results.map((result) => {
    const described: Readonly<Record<string, unknown>> = result;
    const label = [described['image_path'], described['text']].find((cell) => typeof cell === 'string') ?? '';
    return [String(result.rank), score(result.score), String(result.row), shorten(label, 72)];
  });
  context.print(table(['rank', 'score', 'row', set.tower === 'text' ? 'text' : 'image'], lines));
  return 0;
}

export function registerSearch(program: Command, terminal: Terminal): void {
  const command = program
    .command('search')
    .description('text or image query against an embedded set')
    .argument('<query>', 'a text, or the path or URL of an image')
    .requiredOption('--in <dir>', 'folder that diptych embed made, or a .npy file')
    .option('--top <k>', 'how many to show', wholeNumber(1), 10)
    .addOption(
      new Option('--kind <kind>', 'what the query is; auto: an image where there is such a file')
        .choices(['auto', 'image', 'text'])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--against <tower>',
        'rows to search (default: images, or texts where there are no images)',
      ).choices(['image', 'text']),
    )
    .addOption(
      new Option('--precision <how>', 'arithmetic; exact orders as float64 does')
        .choices(['exact', 'fp32', 'bf16', 'int8'])
        .default('exact'),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ diptych search "a cup of coffee" --in embedded
  $ diptych search cat.jpg --in embedded --top 5 --json
  $ diptych search rocket.jpg --in embedded --against text

Without --model the model that made the set is taken.`,
    );
  addTextFlags(addImageFlags(addUrlFlags(addModelFlags(command, null))));
  command.action((query: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => search(context, query)),
  );
}
