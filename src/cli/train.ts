import { readFile } from 'node:fs/promises';
import type { Command, OptionValues } from 'commander';
import { toDiptychError } from '../errors.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

async function readSet(source: string): Promise<{ data: Float32Array; rows: number; dim: number }> {
  const { openEmbeddings, readEmbeddings } = await import('../output/embedding-set.js');
  return readEmbeddings(await openEmbeddings(source));
}

async function readLabels(file: string): Promise<number[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', file);
  });
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(Number);
}

async function writeNpy(
  file: string,
  type: '<f4' | '<i4',
  shape: number[],
  data: Float32Array | Int32Array,
): Promise<void> {
  const [{ npyHeader }, { writeFileAtomic }] = await Promise.all([
    import('../output/npy.js'),
    import('../output/atomic.js'),
  ]);
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  await writeFileAtomic(file, Buffer.concat([npyHeader(type, shape), body]));
}

async function cluster(context: Context, source: string): Promise<ExitCode> {
  const { flags } = context;
  const { kMeans } = await import('../tasks/kmeans.js');
  const features = await readSet(source);
  const progress = context.progress('kmeans');
  const start = performance.now();
  const found = await kMeans(features, {
    clusters: flags.number('clusters') ?? 1,
    iterations: flags.number('iterations') ?? 25,
    seed: flags.number('seed') ?? 0,
    spherical: flags.boolean('spherical'),
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  context.endProgress();
  const { centroids, labels, objective, iterations } = found;
  await writeNpy(flags.string('out') ?? '', '<f4', [centroids.rows, centroids.dim], centroids.data);
  const labelsFile = flags.string('labels');
  if (labelsFile !== null) await writeNpy(labelsFile, '<i4', [labels.length], labels);
  const result = {
    rows: features.rows,
    clusters: centroids.rows,
    objective,
    iterations,
    seconds: (performance.now() - start) / 1000,
  };
  if (context.json) context.printJson(result);
  else
    context.print(
      `${String(result.rows)} rows in ${String(result.clusters)} clusters, objective ${objective.toFixed(3)}`,
    );
  return 0;
}

async function adaptSet(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const [{ adapt }, { writeFileAtomic }] = await Promise.all([
    import('../tasks/adapt.js'),
    import('../output/atomic.js'),
  ]);
  const images = await readSet(flags.string('images') ?? '');
  const texts = await readSet(flags.string('texts') ?? '');
  const labelsFile = flags.string('labels');
  const labels =
    labelsFile === null ? Array.from({ length: images.rows }, (_, row) => row) : await readLabels(labelsFile);
  const progress = context.progress('adapt');
  const start = performance.now();
  const { adapter, before, accuracy, epochs } = await adapt(images, labels, texts, {
    hidden: flags.number('hidden') ?? 256,
    epochs: flags.number('epochs') ?? 60,
    learningRate: flags.number('learningRate') ?? 1e-3,
    seed: flags.number('seed') ?? 0,
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  context.endProgress();
  await writeFileAtomic(flags.string('out') ?? '', `${JSON.stringify(adapter)}\n`);
  const result = { rows: images.rows, before, accuracy, epochs, seconds: (performance.now() - start) / 1000 };
  if (context.json) context.printJson(result);
  else
    context.print(
      `validation accuracy ${before.toFixed(4)} before, ${accuracy.toFixed(4)} after ${String(epochs)} epochs`,
    );
  return 0;
}

export function registerKMeans(program: Command, terminal: Terminal): void {
  const command = program
    .command('kmeans')
    .description('clusters of an embedded set')
    .argument('<set>', 'folder of `diptych embed`, .npy or .parquet')
    .requiredOption('--clusters <k>', 'how many', wholeNumber(1))
    .requiredOption('--out <centroids.npy>', 'where the centroids go')
    .option('--labels <labels.npy>', "where the rows' clusters go")
    .option('--iterations <n>', 'most passes over all rows (default: 25)', wholeNumber(1))
    .option('--spherical', 'centroids of unit length: clusters by cosine')
    .option('--seed <n>', 'default: 0', wholeNumber(0))
    .addHelpText(
      'after',
      '\nExample:\n  $ diptych kmeans embedded/ --clusters 1000 --out centroids.npy --labels labels.npy',
    );
  addOutputFlags(command).action((source: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => cluster(context, source)),
  );
}

export function registerAdapt(program: Command, terminal: Terminal): void {
  const command = program
    .command('adapt')
    .description('train a small adapter on saved image and text embeddings')
    .requiredOption('--images <set>', 'embedded images')
    .requiredOption('--texts <set>', 'embedded texts: of the classes, or one an image')
    .requiredOption('--out <adapter.json>', 'where the adapter goes')
    .option('--labels <file>', 'row of its text for each image, one a line (default: the same row)')
    .option('--hidden <n>', 'hidden units (default: 256)', wholeNumber(1))
    .option('--epochs <n>', 'most epochs (default: 60)', wholeNumber(1))
    .option('--learning-rate <x>', 'default: 0.001', positiveNumber)
    .option('--seed <n>', 'default: 0', wholeNumber(0))
    .addHelpText(
      'after',
      '\nExample:\n  $ diptych adapt --images train/ --texts classes/ --labels labels.txt --out adapter.json',
    );
  addOutputFlags(command).action((values: OptionValues) =>
    runCommand(values, terminal, (context) => adaptSet(context)),
  );
}
