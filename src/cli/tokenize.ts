import type { Command, OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { Context, Terminal } from './context.js';
import { addModelFlags, addTextFlags, modelOptions } from './flags.js';
import { readTexts } from './texts.js';
import { runCommand, type ExitCode } from './run.js';

async function tokenize(context: Context, given: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const file = flags.string('in');
  if ((file === null) === (given.length === 0)) {
    throw new DiptychError('BAD_OPTION', 'give texts, or --in FILE with one JSON string a line', {
      input: 'texts',
    });
  }
  const texts = file === null ? given : await readTexts(file);
  const { loadModel } = await import('../engine.js');
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const tokenized = await model.tokenize(texts);
  if (context.json) {
    context.printJson(tokenized.map(({ text, ids, attentionMask }) => ({ text, ids, attentionMask })));
  } else {
    for (const { ids } of tokenized) context.print(ids.join(' '));
  }
  const truncated = tokenized.filter((tokens) => tokens.truncated).length;
  if (truncated > 0)
    context.warn(`${String(truncated)} of ${String(texts.length)} texts truncated to the context`);
  return 0;
}

export function registerTokenize(program: Command, terminal: Terminal): void {
  const command = program
    .command('tokenize')
    .description('token ids, as the model sees them')
    .argument('[text...]', 'texts')
    .option('--in <file>', 'a .jsonl file with one JSON string a line')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych tokenize "a photo of a cat"
  $ diptych tokenize --in texts.jsonl --model ./clip-vit-base-patch32 --json
  $ diptych tokenize "Ünïcode &amp; emoji 🐈" --text-cleaning openai`,
    );
  addTextFlags(addModelFlags(command));
  command.action((texts: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => tokenize(context, texts)),
  );
}
