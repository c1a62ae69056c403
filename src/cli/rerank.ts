import { Option, type Command, type OptionValues } from 'commander';
import { readFile } from 'node:fs/promises';
import { DiptychError, toDiptychError } from '../errors.js';
import type { ImageContent } from '../input/item.js';
import type { Failure } from '../pipeline/types.js';
import { namedModel } from './caption.js';
import type { Context, Terminal } from './context.js';
import { addImageFlags, addModelFlags, addTextFlags, modelOptions, wholeNumber } from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';
import { score, shorten, table } from './table.js';

async function textsOf({ flags }: Context): Promise<string[]> {
  const [text, file] = [flags.string('text'), flags.string('textsFile')];
  if ((text === null) === (file === null)) {
    throw new DiptychError('BAD_OPTION', 'give one of --text TEXT and --texts-file FILE', {
      input: '--text',
    });
  }
  if (text !== null) return [text];
  const lines = await readFile(file ?? '', 'utf8').catch((error: unknown) => {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', `--texts-file ${file ?? ''}`);
  });
  const texts = lines.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (texts.length > 0) return texts;
  throw new DiptychError('BAD_OPTION', 'there is no text in it', { input: file ?? '' });
}

async function rerank(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const name = namedModel(context, '--model blip-itm/');
  const texts = await textsOf(context);
  const [{ loadModel }, { imageGroups }] = await Promise.all([
    import('../engine.js'),
    import('../pipeline/image-list.js'),
  ]);
  const names: string[] = [];
  const contents: ImageContent[] = [];
  const failures: Failure[] = [];
  for await (const group of imageGroups(openItems(context, inputs, 'image'), 256)) {
    names.push(...group.names);
    contents.push(...group.contents);
    failures.push(...group.failures);
  }
  await using model = await loadModel(
    name,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const direction = flags.choice('direction', 'text-to-image', 'image-to-text');
  const firstToken = flags.oneOf('firstToken', 'enc', 'cls');
  const result = await model.rerank(contents, texts, {
    direction,
    k: flags.number('k') ?? 128,
    ...(firstToken === null ? {} : { firstToken }),
    signal: context.signal,
  });
  const image = (index: number): string => names[index] ?? '';
  const text = (index: number): string => texts[index] ?? '';
  const [query, candidate] = direction === 'text-to-image' ? [text, image] : [image, text];
  const rankings = result.rankings.map((ranking) => ({
    query: query(ranking.query),
    candidates: ranking.candidates
      .slice(0, flags.number('top') ?? ranking.candidates.length)
      .map((found) => ({ candidate: candidate(found.index), ...found })),
  }));
  if (context.json) context.printJson({ direction, rankings });
  else {
    const rows = rankings.flatMap((ranking) =>
      ranking.candidates.map((found, rank) => [
        rank === 0 ? shorten(ranking.query, 40) : '',
        shorten(found.candidate, 40),
        score(found.score),
        `${(found.probability * 100).toFixed(1)}%`,
        score(found.cosine),
      ]),
    );
    context.print(table(['query', 'candidate', 'score', 'match', 'cosine'], rows));
  }
  const named = result.failures.map((failure) => ({
    ...failure,
    input: failure.stage === 'tokenize' ? failure.input : image(failure.index),
  }));
  for (const notice of result.notices) context.notice(notice.input, notice.message);
  return context.reportFailures([...failures, ...named]);
}

export function registerRerank(program: Command, terminal: Terminal): void {
  const command = program
    .command('rerank')
    .description(
      'rank images for a text (or texts for images) by a matching head, after embeddings (BLIP, BLIP-2)',
    )
    .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
    .option('--text <text>', 'one text')
    .option('--texts-file <file>', 'texts, one a line')
    .addOption(
      new Option('--direction <way>', 'what asks and what is ranked')
        .choices(['text-to-image', 'image-to-text'])
        .default('text-to-image'),
    )
    .option('-k, --k <n>', 'candidates of each query that the head looks at (default: 128)', wholeNumber(1))
    .option('--top <n>', 'candidates to show per query (default: all that were looked at)', wholeNumber(1))
    .addOption(
      new Option('--first-token <token>', 'enc as salesforce/BLIP (default), cls as Hugging Face').choices([
        'enc',
        'cls',
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ diptych rerank photos/ --text "two dogs in the snow" --model blip-itm/
  $ diptych rerank cat.jpg --texts-file captions.txt --direction image-to-text --model blip-itm/ --json`,
    );
  addTextFlags(addImageFlags(addUrlFlags(addModelFlags(command, null))));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => rerank(context, inputs)),
  );
}
