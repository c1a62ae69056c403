import path from 'node:path';
import { Option, type Command, type OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { EmbedFilesResult } from '../pipeline/embed-files.js';
import type { Context, Terminal } from './context.js';
import {
  addImageFlags,
  addModelFlags,
  addTextFlags,
  modelOptions,
  finiteNumber,
  positiveNumber,
  wholeNumber,
} from './flags.js';
import { countInputs } from '../input/count.js';
import { TraceFile } from '../output/trace-file.js';
import type { StageClock } from '../pipeline/stage-clock.js';
import { addUrlFlags, openItems, parseShare } from './inputs.js';
import type { Progress } from './progress.js';
import { runCommand, type ExitCode } from './run.js';
import { packageVersion } from './version.js';

/** Rows a part holds unless told otherwise: what a kill can cost, and the size of the files. */
const SHARD_SIZE = 10_000;

function existing({ flags }: Context): 'refuse' | 'resume' | 'overwrite' {
  const [resume, overwrite] = [flags.boolean('resume'), flags.boolean('overwrite')];
  if (resume && overwrite) {
    throw new DiptychError('BAD_OPTION', '--resume and --overwrite exclude each other', {
      input: '--resume',
    });
  }
  return resume ? 'resume' : overwrite ? 'overwrite' : 'refuse';
}

/** Counts the inputs beside the run, so that the progress can tell how long it will take. */
function countItems(
  context: Context,
  inputs: readonly string[],
  kind: 'auto' | 'image' | 'text',
  progress: Progress,
  signal: AbortSignal,
): void {
  if (!progress.shown) return;
  const of = Number(context.flags.string('shard')?.split('/')[1] ?? 1);
  void countInputs(inputs, kind, signal).then((total) => {
    if (total !== null) progress.total(Math.ceil(total / of));
  });
}

function traceStages(stages: StageClock, trace: TraceFile): void {
  stages.onSpan = ({ stage, kind, lane, ...span }) => {
    const name = kind === '' || stage === 'preprocess' || stage === 'tokenize' ? stage : `${stage} ${kind}`;
    trace.add({ name, lane: `${stage} ${String(lane)}`, ...span });
  };
}

function summary(result: EmbedFilesResult, folder: string): string {
  const { counts, dim } = result.state;
  const rate = result.seconds > 0 ? result.rowsThisRun / result.seconds : 0;
  const lines = [
    `${String(counts.rows)} rows${dim === null ? '' : ` of ${String(dim)} numbers`} in ${folder}: ` +
      `${String(result.rowsThisRun)} made in ${result.seconds.toFixed(1)} s (${rate.toFixed(1)} rows/s)`,
  ];
  if (counts.failed > 0) {
    lines.push(`${String(counts.failed)} inputs failed: ${path.join(folder, 'failures.jsonl')}`);
  }
  return lines.join('\n');
}

async function embed(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const folder = flags.string('out') ?? '';
  const whenThere = existing(context);
  // The encoder's thread loads ONNX Runtime while this one loads the engine and looks at the model.
  const { prepareSession } = await import('../session/worker-session.js');
  prepareSession();
  const { loadModel } = await import('../engine.js');
  const { embedFiles } = await import('../pipeline/embed-files.js');
  const { runIdentity } = await import('../pipeline/run-identity.js');
  const { onnxRuntime } = await import('../session/cuda/status.js');
  const options = modelOptions(flags, (message) => {
    context.warn(message);
  });
  await using model = await loadModel(flags.string('model') ?? undefined, options);
  const format = flags.choice('format', 'npy', 'parquet', 'jsonl');
  const dtype = flags.choice('outputDtype', 'fp32', 'fp16');
  const shardSize = flags.number('shardSize') ?? SHARD_SIZE;
  const kind = flags.choice('kind', 'auto', 'image', 'text');
  const identity = await runIdentity(model.description, {
    model: flags.string('model'),
    inputs,
    kind,
    imageColumn: flags.string('imageColumn'),
    textColumn: flags.string('textColumn'),
    shard: flags.string('shard'),
    format,
    outputDtype: dtype,
    shardSize,
    normalize: model.options.normalize,
    decode: model.options.decode,
    autoOrient: model.options.autoOrient,
    icc: model.options.icc,
    allowTruncated: model.options.allowTruncated,
    textCleaning: model.options.textCleaning,
    longText: model.options.longText,
  });
  const finish = new AbortController();
  context.onInterrupt(() => {
    finish.abort();
    context.endProgress();
    context.note(
      'diptych: finishing the part in hand; interrupt again to stop at once (--resume goes on either way)',
    );
  });
  const progress = context.progress('embed');
  const ended = new AbortController();
  countItems(context, inputs, kind, progress, ended.signal);
  const trace = flags.string('trace') === null ? null : new TraceFile(flags.string('trace') ?? '');
  if (trace !== null) traceStages(model.stages, trace);
  const result = await embedFiles(model, openItems(context, inputs, kind, folder, ended.signal), {
    folder,
    existing: whenThere,
    format,
    dtype,
    shardSize,
    onError: flags.choice('onError', 'skip', 'fail'),
    maxFailures: flags.number('maxFailures') ?? Infinity,
    identity,
    versions: { diptych: packageVersion(), node: process.version, onnxruntime: onnxRuntime().version },
    onProgress: ({ done, skipped, failed, stages }) => {
      progress.update({ done, skipped, failed, stages: { ...stages } });
    },
    onNotice: (input, message) => {
      context.notice(input, message);
    },
    signal: context.signal,
    finish: finish.signal,
  }).finally(() => {
    ended.abort();
    return trace?.close();
  });
  context.endProgress();
  context.endNotices();
  if (context.json) {
    const { counts, dim, parts } = result.state;
    context.printJson({
      rows: counts.rows,
      failed: counts.failed,
      dim,
      seconds: result.seconds,
      rowsPerSecond: result.seconds > 0 ? result.rowsThisRun / result.seconds : 0,
      parts,
      model: model.name,
    });
  } else if (!context.quiet) {
    context.print(summary(result, folder));
  }
  if (result.stopped) {
    context.note(`diptych: stopped; go on with: diptych embed ... --out ${folder} --resume`);
    return 130;
  }
  return result.state.counts.failed > 0 ? 3 : 0;
}

export function registerEmbed(program: Command, terminal: Terminal): void {
  const command = program
    .command('embed')
    .description('images and/or texts to embeddings on disk')
    .argument(
      '<input...>',
      'image files, folders, globs, URLs, .tar (webdataset), .parquet, .csv, .tsv, .jsonl, .txt (one path, URL or text a line), or - for lines on standard input',
    )
    .requiredOption('-o, --out <dir>', 'folder for the results')
    .addOption(
      new Option('--kind <kind>', 'what the inputs are; auto: by their content')
        .choices(['auto', 'image', 'text'])
        .default('auto'),
    )
    .option('--image-column <name>', 'column of a table that holds paths, URLs or bytes of images')
    .option('--text-column <name>', 'column of a table that holds texts')
    .addOption(
      new Option('--format <format>', 'npy (with parquet metadata), parquet or jsonl')
        .choices(['npy', 'parquet', 'jsonl'])
        .default('npy'),
    )
    .addOption(
      new Option('--output-dtype <type>', 'type of the vectors on disk')
        .choices(['fp32', 'fp16'])
        .default('fp32'),
    )
    .addOption(
      new Option('--shard-size <n>', 'inputs per part').argParser(wholeNumber(1)).default(SHARD_SIZE),
    )
    .option('--resume', 'go on with a run that was stopped')
    .option('--overwrite', 'throw away what an earlier run has made')
    .addOption(
      new Option('--on-error <what>', 'skip bad inputs (they are listed), or fail at the first')
        .choices(['skip', 'fail'])
        .default('skip'),
    )
    .option('--max-failures <n>', 'fail when more inputs than this are bad', wholeNumber(0))
    .option('--shard <i/n>', "this machine's share of the inputs, as 0/4", parseShare)
    .option('--trace <file>', 'write a Chrome trace of the stages (chrome://tracing, ui.perfetto.dev)')
    .option('--no-normalize', "keep the towers' own lengths")
    .option('--logit-scale <x>', "the model's trained factor, where its folder lacks it", positiveNumber)
    .option('--logit-bias <x>', "the model's trained bias (SigLIP), where its folder lacks it", finiteNumber)
    .addHelpText(
      'after',
      `
Examples:
  $ diptych embed photos/ --out embedded
  $ diptych embed 'photos/**/*.jpg' captions.txt --out embedded --output-dtype fp16
  $ diptych embed data.parquet --image-column url --text-column caption --out pairs
  $ diptych embed 'data/{00000..00041}.tar' --out embedded --shard-size 100000 --resume
  $ find . -name '*.png' | diptych embed - --out embedded --json

The layout of the folder is described in docs/cli.md. Ctrl-C finishes the part in hand; --resume goes on from there.`,
    );
  addTextFlags(addImageFlags(addUrlFlags(addModelFlags(command))));
  command.action((inputs: string[], values: OptionValues) =>
    runCommand(values, terminal, (context) => embed(context, inputs)),
  );
}
