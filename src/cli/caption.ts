import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { Failure } from '../pipeline/types.js';
import type { CaptionOptions } from '../tasks/generate/options.js';
import type { Context, Terminal } from './context.js';
import {
  addImageFlags,
  addModelFlags,
  finiteNumber,
  modelOptions,
  positiveNumber,
  wholeNumber,
} from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';
import { shorten, table } from './table.js';

/** Images per call: their captions are shown together. */
const GROUP = 32;

/** Numbers among the caption options, by the name that flag and option share. */
const NUMBERS = [
  'numBeams',
  'maxLength',
  'maxNewTokens',
  'minLength',
  'minNewTokens',
  'lengthPenalty',
  'repetitionPenalty',
  'topP',
  'topK',
  'temperature',
  'seed',
] as const satisfies readonly (keyof CaptionOptions)[];

function captionOptions({ flags, signal }: Context): CaptionOptions {
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {};
  for (const name of NUMBERS) {
    const value = flags.number(name);
    if (value !== null) numbers[name] = value;
  }
  const distinct = flags.number('distinctNgrams');
  const method = flags.oneOf('method', 'greedy', 'beam', 'nucleus');
  const prompt = flags.string('prompt');
  return {
    ...numbers,
    ...(method === null ? {} : { method }),
    ...(prompt === null ? {} : { prompt }),
    ...(distinct === null ? {} : { noRepeatNgram: distinct }),
    ...(flags.boolean('earlyStopping') ? { earlyStopping: true } : {}),
    signal,
  };
}

/** The model that the user names: no bundled one has these heads. Throws BAD_OPTION. */
export function namedModel({ flags }: Context, example: string): string {
  const name = flags.string('model');
  if (name !== null) return name;
  throw new DiptychError('BAD_OPTION', `name a model that can do it, as ${example} (docs/captions.md)`, {
    input: '--model',
  });
}

async function captionImages(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const name = namedModel(context, '--model blip-captioner/');
  const options = captionOptions(context);
  const [{ loadModel }, { imageGroups }] = await Promise.all([
    import('../engine.js'),
    import('../pipeline/image-list.js'),
  ]);
  await using model = await loadModel(
    name,
    modelOptions(context.flags, (message) => {
      context.warn(message);
    }),
  );
  const results: {
    image: string;
    caption: string;
    text: string;
    tokenIds: readonly number[];
    score: number | null;
  }[] = [];
  const failures: Failure[] = [];
  const progress = context.progress('caption');
  for await (const { names, contents, failures: unread } of imageGroups(
    openItems(context, inputs, 'image'),
    GROUP,
  )) {
    const made = await model.caption(contents, options);
    made.captions.forEach((caption, row) => {
      results.push({ image: names[made.indices[row] ?? 0] ?? '', ...caption });
    });
    for (const notice of made.notices) context.notice(names[notice.index] ?? notice.input, notice.message);
    failures.push(
      ...unread,
      ...made.failures.map((failure) => ({ ...failure, input: names[failure.index] ?? failure.input })),
    );
    progress.update({
      done: results.length + failures.length,
      failed: failures.length,
      stages: model.seconds,
    });
  }
  context.endProgress();
  if (context.json) context.printJson(results);
  else if (results.length > 0) {
    context.print(
      table(
        ['image', 'caption'],
        results.map(({ image, text }) => [shorten(image, 48), text]),
      ),
    );
  }
  return context.reportFailures(failures);
}

export function registerCaption(program: Command, terminal: Terminal): void {
  const command = program
    .command('caption')
    .description('describe images in words (BLIP)')
    .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
    .addOption(
      new Option('--method <how>', 'beam (default), greedy, or nucleus: drawn at random').choices([
        'greedy',
        'beam',
        'nucleus',
      ]),
    )
    .option('--prompt <text>', 'how every caption begins, as "a picture of"')
    .option('--num-beams <n>', 'beams (default: 3)', wholeNumber(1, 64))
    .option('--max-length <n>', 'most tokens, prompt and start included (default: 20)', wholeNumber(1))
    .option('--max-new-tokens <n>', 'most tokens beside the prompt, instead', wholeNumber(1))
    .option('--min-length <n>', 'fewest tokens (default: 5 where no length is given)', wholeNumber(0))
    .option('--min-new-tokens <n>', 'fewest tokens beside the prompt, instead', wholeNumber(0))
    .option('--length-penalty <x>', 'above 1 beams favour long captions (default: 1)', finiteNumber)
    .option('--early-stopping', 'stop at the first captions that are finished')
    .option('--repetition-penalty <x>', 'above 1: repeat less (default: 1; nucleus: 1.1)', positiveNumber)
    .option('--distinct-ngrams <n>', 'let no run of n tokens come twice', wholeNumber(0))
    .option('--top-p <p>', 'nucleus: probability to draw from (default: 0.9)', positiveNumber)
    .option('--top-k <k>', 'nucleus: tokens to draw from, 0 for all (default: 50)', wholeNumber(0))
    .option('--temperature <t>', 'nucleus: below 1 is safer (default: 1)', positiveNumber)
    .option(
      '--seed <n>',
      'nucleus: the same seed, the same captions (default: 0)',
      wholeNumber(0, 0xffffffff),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ diptych caption photos/ --model blip-captioner/
  $ diptych caption cat.jpg --model blip-captioner/ --prompt "a picture of" --json
  $ diptych caption cat.jpg --model blip-captioner/ --method nucleus --seed 7`,
    );
  addImageFlags(addUrlFlags(addModelFlags(command, null)));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => captionImages(context, inputs)),
  );
}
