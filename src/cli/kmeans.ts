import { Option, type Command, type OptionValues } from 'commander';
import type { Features } from '../tasks/features.js';
import type { Context, Terminal } from './context.js';
import { readSet, writeNpy } from './embedded.js';
import { addOutputFlags, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

interface Found {
  readonly centroids: Features;
  readonly labels: Int32Array;
  readonly objective: number;
  readonly rows: number;
  /** Passes over all rows. */
  readonly passes: number;
}

async function exact(context: Context, source: string): Promise<Found> {
  const { flags } = context;
  const { kMeans } = await import('../tasks/kmeans.js');
  const features = await readSet(source);
  const progress = context.progress('kmeans');
  const iterations = flags.number('iterations') ?? 25;
  progress.total(iterations);
  const found = await kMeans(features, {
    clusters: flags.number('clusters') ?? 1,
    iterations,
    seed: flags.number('seed') ?? 0,
    spherical: flags.boolean('spherical'),
    precision: flags.choice('precision', 'auto', 'exact', 'bf16'),
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  return { ...found, rows: features.rows, passes: found.iterations };
}

async function miniBatch(context: Context, source: string, size: number): Promise<Found> {
  const { flags } = context;
  const [{ openEmbeddings, readBlocks }, { miniBatchKMeans }, { assignClusters }] = await Promise.all([
    import('../output/embedding-set.js'),
    import('../tasks/mini-batch.js'),
    import('../tasks/centroids.js'),
  ]);
  const set = await openEmbeddings(source);
  const epochs = flags.number('epochs') ?? 3;
  const progress = context.progress('kmeans');
  progress.total(set.rows * (epochs + 1));
  async function* batches(): AsyncGenerator<Features, void, undefined> {
    for (let epoch = 0; epoch < epochs; epoch++) yield* readBlocks(set, size);
  }
  const { centroids, rows: seen } = await miniBatchKMeans(batches(), {
    clusters: flags.number('clusters') ?? 1,
    seed: flags.number('seed') ?? 0,
    spherical: flags.boolean('spherical'),
    precision: flags.choice('precision', 'auto', 'exact', 'bf16'),
    signal: context.signal,
    onProgress: (done) => {
      progress.update({ done });
    },
  });
  const labels = new Int32Array(set.rows);
  let objective = 0;
  for await (const block of readBlocks(set, size)) {
    const found = await assignClusters(block, centroids, { signal: context.signal });
    labels.set(found.labels, block.first);
    objective += found.distances.reduce((sum, distance) => sum + distance, 0);
    progress.update({ done: seen + block.first + block.rows });
  }
  return { centroids, labels, objective, rows: set.rows, passes: epochs };
}

async function cluster(context: Context, source: string): Promise<ExitCode> {
  const { flags } = context;
  const start = performance.now();
  const size = flags.number('miniBatch');
  const { centroids, labels, objective, rows, passes } =
    size === null ? await exact(context, source) : await miniBatch(context, source, size);
  context.endProgress();
  await writeNpy(flags.string('out') ?? '', '<f4', [centroids.rows, centroids.dim], centroids.data);
  const [labelsFile, sampleFile] = [flags.string('labels'), flags.string('sample')];
  if (labelsFile !== null) await writeNpy(labelsFile, '<i4', [labels.length], labels);
  let sampled: number | null = null;
  if (sampleFile !== null) {
    const { balancedSample } = await import('../tasks/balanced.js');
    const kept = balancedSample(labels, flags.number('perCluster') ?? 1, flags.number('seed') ?? 0);
    await writeNpy(sampleFile, '<i4', [kept.length], Int32Array.from(kept));
    sampled = kept.length;
  }
  const seconds = (performance.now() - start) / 1000;
  const result = { rows, clusters: centroids.rows, objective, iterations: passes, sampled, seconds };
  if (context.json) context.printJson(result);
  else {
    const balanced = sampled === null ? '' : `, ${String(sampled)} rows in the balanced sample`;
    context.print(
      `${String(rows)} rows in ${String(centroids.rows)} clusters, objective ${objective.toFixed(3)}${balanced}`,
    );
  }
  return 0;
}

export function registerKMeans(program: Command, terminal: Terminal): void {
  const command = program
    .command('kmeans')
    .description('clusters of an embedded set, exact or by mini-batches')
    .argument('<set>', 'folder of `diptych embed`, .npy or .parquet')
    .requiredOption('--clusters <k>', 'how many', wholeNumber(1))
    .requiredOption('--out <centroids.npy>', 'where the centroids go')
    .option('--labels <labels.npy>', "where the rows' clusters go")
    .option('--iterations <n>', 'most passes over all rows (default: 25)', wholeNumber(1))
    .option('--mini-batch <rows>', 'read so many rows at a time: for sets larger than memory', wholeNumber(1))
    .option('--epochs <n>', 'passes of mini-batches over the set (default: 3)', wholeNumber(1))
    .addOption(
      new Option('--precision <how>', 'arithmetic of all passes but the last')
        .choices(['auto', 'exact', 'bf16'])
        .default('auto'),
    )
    .option('--spherical', 'centroids of unit length: clusters by cosine')
    .option('--sample <rows.npy>', 'also draw a balanced sample: positions of rows')
    .option('--per-cluster <n>', 'rows of each cluster in the sample (default: 1)', wholeNumber(1))
    .option('--seed <n>', 'default: 0', wholeNumber(0))
    .addHelpText(
      'after',
      `
Examples:
  $ diptych kmeans embedded/ --clusters 1000 --out centroids.npy --labels labels.npy
  $ diptych kmeans huge/ --clusters 100000 --mini-batch 500000 --out centroids.npy
  $ diptych kmeans embedded/ --clusters 200 --out c.npy --sample balanced.npy --per-cluster 50`,
    );
  addOutputFlags(command).action((source: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => cluster(context, source)),
  );
}
