import type { Command, OptionValues } from 'commander';
import type { ModelDescription } from '../models/card.js';
import type { ModelInfo } from '../models/catalog.js';
import { DiptychError } from '../errors.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags } from './flags.js';
import { registerPull } from './models-pull.js';
import { registerVerify } from './models-verify.js';
import { runCommand, type ExitCode } from './run.js';
import { table } from './table.js';

async function list(context: Context): Promise<ExitCode> {
  const { listModels } = await import('../models/catalog.js');
  const { flags } = context;
  const [family, search] = [flags.string('family'), flags.string('search')];
  const models = listModels({
    ...(family === null ? {} : { family }),
    ...(search === null ? {} : { search }),
  });
  if (context.json) {
    context.printJson(models);
    return 0;
  }
  const rows = models.map((model) => [
    model.name,
    model.family,
    String(model.embeddingDim ?? ''),
    String(model.imageSize),
    String(model.contextLength ?? ''),
    model.licence,
    model.pullable ? 'yes' : '',
  ]);
  context.print(table(['name', 'family', 'dim', 'image', 'tokens', 'licence', 'pull'], rows));
  return 0;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function catalogLines(model: ModelInfo): [string, string][] {
  const sizes = model.approximateBytes;
  return [
    ['name', model.name],
    ['family', model.family],
    ['also called', model.names.filter((name) => name !== model.name).join(', ')],
    ['embedding', model.embeddingDim === null ? '' : `${String(model.embeddingDim)} numbers`],
    ['image', `${String(model.imageSize)} px`],
    ['text', model.contextLength === null ? '' : `${String(model.contextLength)} tokens`],
    [
      'logit scale',
      model.logitScale === null ? '' : `${String(model.logitScale)} (${model.logitScaleSource ?? ''})`,
    ],
    ['licence', model.licence],
    [
      'size',
      sizes === null
        ? ''
        : Object.entries(sizes)
            .map(([dtype, bytes]) => `${dtype} ${megabytes(bytes)}`)
            .join(', '),
    ],
    ['pull', model.files.map(({ repo, dtype }) => `${repo} (${dtype})`).join(', ')],
  ];
}

function folderLines(model: ModelDescription): [string, string][] {
  return [
    ['name', model.name],
    ['family', model.family],
    ['layout', model.layout],
    ['folder', model.folder],
    ['embedding', model.embeddingDim === null ? 'unknown' : `${String(model.embeddingDim)} numbers`],
    ['image', model.image === null ? 'no image tower' : JSON.stringify(model.image.spec)],
    ['image graph', model.image?.graph.file ?? ''],
    [
      'text',
      model.text === null
        ? 'no text tower'
        : `${String(model.text.plan.contextLength)} tokens, ${model.text.plan.kind}`,
    ],
    ['text graph', model.text?.graph.file ?? ''],
    [
      'logit scale',
      model.logitScale === null
        ? 'not told'
        : `${String(model.logitScale)} (${model.logitScaleSource ?? ''})`,
    ],
    ['activation', model.activation],
    ...model.warnings.map((warning): [string, string] => ['warning', warning]),
  ];
}

/** Which library reads the vocabulary, where it is not our own code. */
async function tokenizerLines(model: ModelDescription): Promise<[string, string][]> {
  const { loadTokenizer } = await import('../text/tokenizer.js');
  const { foreign } = await loadTokenizer(model);
  return foreign === null ? [] : [['tokenizer', `read by @huggingface/tokenizers: ${foreign}`]];
}

/** What the registry knows of a name, and what lies in the folder where the model is on this machine. */
async function info(context: Context, name: string): Promise<ExitCode> {
  const { modelInfo } = await import('../models/catalog.js');
  const { describeModel } = await import('../models/describe.js');
  const unknown = (error: unknown): null => {
    if (error instanceof DiptychError && error.code === 'MODEL_NOT_FOUND') return null;
    throw error;
  };
  const here = await describeModel(name, { dtype: 'auto' }).catch(unknown);
  let published: ModelInfo | null = null;
  try {
    published = modelInfo(name);
  } catch (error) {
    // A folder of one's own need not be published; a name that is neither is an error that lists the near ones.
    if (here === null) throw error;
  }
  if (context.json) {
    context.printJson({ ...published, ...(here === null ? {} : { local: here }) });
    return 0;
  }
  const lines = [
    ...(published === null ? [] : catalogLines(published)),
    ...(here === null ? [] : folderLines(here)),
    ...(here?.text == null ? [] : await tokenizerLines(here)),
  ];
  for (const [key, value] of lines) if (value !== '') context.print(`${key.padEnd(14)}${value}`);
  return 0;
}

export function registerModels(program: Command, terminal: Terminal): void {
  const models = program
    .command('models')
    .description('the models that are known, and what is in a model folder')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych models list
  $ diptych models list --family siglip --search so400m
  $ diptych models info ViT-B-32/openai
  $ diptych models info ./my-model --json
  $ diptych models pull ViT-B/32
  $ diptych models verify ./my-model`,
    );
  const listCommand = models
    .command('list')
    .description('the published models that are known by name')
    .option('--family <name>', 'only this family')
    .option('--search <words>', 'only models whose names hold all of these words');
  addOutputFlags(listCommand).action((values: OptionValues) => runCommand(values, terminal, list));
  const infoCommand = models
    .command('info')
    .description('everything about a model: by name, hub id or folder')
    .argument('<model>', 'name, hub id or folder');
  addOutputFlags(infoCommand).action((name: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => info(context, name)),
  );
  registerPull(models, terminal);
  registerVerify(models, terminal);
}
