import type { Command, OptionValues } from 'commander';
import { DiptychError } from '../errors.js';
import type { Features } from '../tasks/features.js';
import type { Context, Terminal } from './context.js';
import { readLabels, readSet, writeJson, writeNpy } from './embedded.js';
import { addOutputFlags, positiveNumber, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';
import { table } from './table.js';

interface Labelled {
  readonly features: Features;
  readonly labels: number[];
}

async function labelled(set: string, file: string): Promise<Labelled> {
  const features = await readSet(set, 'image');
  const labels = await readLabels(file);
  if (labels.length === features.rows) return { features, labels };
  throw new DiptychError(
    'DIMENSION_MISMATCH',
    `${String(features.rows)} rows, but ${String(labels.length)} labels`,
    { input: file },
  );
}

async function optional(context: Context, set: string, labels: string): Promise<Labelled | null> {
  const [source, file] = [context.flags.string(set), context.flags.string(labels)];
  if (source === null && file === null) return null;
  if (source !== null && file !== null) return labelled(source, file);
  throw new DiptychError('BAD_OPTION', 'rows and labels go together', { input: set });
}

/** Every tenth row, or those given, judge what is chosen. */
function splitOff(train: Labelled, take: (rows: number[]) => Labelled): { train: Labelled; held: Labelled } {
  const rows = train.labels.map((_, row) => row);
  return {
    train: take(rows.filter((row) => row % 10 !== 9)),
    held: take(rows.filter((row) => row % 10 === 9)),
  };
}

/** "1,2,4,8,16" */
function shotsOf(text: string | null): number[] {
  return (text ?? '').split(',').flatMap((part) => {
    if (part.trim() === '') return [];
    const k = Number(part);
    if (Number.isSafeInteger(k) && k > 0) return [k];
    throw new DiptychError('BAD_OPTION', `expected whole numbers as 1,2,4, got ${part}`, {
      input: '--shots',
    });
  });
}

interface ShotResult {
  readonly shots: number;
  readonly method: 'probe' | 'tip-adapter';
  readonly mean: number;
  readonly accuracies: readonly number[];
}

async function fewShots(context: Context, train: Labelled, test: Labelled): Promise<ShotResult[]> {
  const { flags } = context;
  const [{ takeRows }, few, { fitProbe, probeAccuracy }, { loadClassifier }] = await Promise.all([
    import('../tasks/features.js'),
    import('../tasks/few-shot.js'),
    import('../tasks/probe.js'),
    import('../tasks/classifier.js'),
  ]);
  const file = flags.string('tipAdapter');
  const classifier = file === null ? null : await loadClassifier(file);
  const held = await optional(context, 'validation', 'validationLabels');
  const results: ShotResult[] = [];
  for (const shots of shotsOf(flags.string('shots'))) {
    const accuracies: Record<'probe' | 'tip-adapter', number[]> = { probe: [], 'tip-adapter': [] };
    for (let seed = 0; seed < (flags.number('seeds') ?? 3); seed++) {
      const rows = few.fewShot(train.labels, shots, (flags.number('seed') ?? 0) + seed);
      const cache = {
        features: takeRows(train.features, rows),
        labels: rows.map((row) => train.labels[row] ?? 0),
      };
      const probe = await fitProbe(cache.features, cache.labels, {
        c: flags.number('c') ?? 0.316,
        signal: context.signal,
      });
      accuracies.probe.push(await probeAccuracy(probe, test.features, test.labels));
      if (classifier === null) continue;
      // Without a validation split the paper's first values stand: nothing is chosen on the test rows.
      const { alpha, beta } =
        held === null ? { alpha: 1, beta: 5.5 } : await few.searchTipAdapter(held, cache, classifier);
      const logits = await few.tipAdapterLogits(test.features, cache, classifier, { alpha, beta });
      const { classificationMetrics } = await import('../tasks/metrics.js');
      accuracies['tip-adapter'].push(classificationMetrics(logits, test.labels).acc1);
    }
    for (const method of ['probe', 'tip-adapter'] as const) {
      const list = accuracies[method];
      if (list.length === 0) continue;
      const mean = list.reduce((sum, accuracy) => sum + accuracy, 0) / list.length;
      results.push({ shots, method, mean, accuracies: list });
    }
  }
  return results;
}

async function run(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const [{ takeRows }, { fitProbe, applyProbe, probeAccuracy, sweepProbe }] = await Promise.all([
    import('../tasks/features.js'),
    import('../tasks/probe.js'),
  ]);
  const start = performance.now();
  const all = await labelled(flags.string('train') ?? '', flags.string('trainLabels') ?? '');
  const test = await optional(context, 'test', 'testLabels');
  if (flags.has('shots')) {
    if (test === null)
      throw new DiptychError('BAD_OPTION', 'few-shot accuracy needs --test and --test-labels', {
        input: '--test',
      });
    const results = await fewShots(context, all, test);
    if (context.json) context.printJson({ fewShot: results, seconds: (performance.now() - start) / 1000 });
    else {
      const rows = results.map(({ shots, method, mean, accuracies }) => [
        String(shots),
        method,
        mean.toFixed(4),
        accuracies.map((accuracy) => accuracy.toFixed(4)).join(' '),
      ]);
      context.print(table(['shots', 'method', 'mean', 'each seed'], rows));
    }
    return 0;
  }
  const onProgress = context.onProgress('probe');
  let sweep: Awaited<ReturnType<typeof sweepProbe>> | null = null;
  if (flags.boolean('sweep')) {
    const given = await optional(context, 'validation', 'validationLabels');
    const take = (rows: number[]): Labelled => ({
      features: takeRows(all.features, rows),
      labels: rows.map((row) => all.labels[row] ?? 0),
    });
    const parts = given === null ? splitOff(all, take) : { train: all, held: given };
    sweep = await sweepProbe(parts.train, parts.held, {
      signal: context.signal,
      onProgress,
    });
  }
  const c = sweep?.c ?? flags.number('c') ?? 0.316;
  const probe = await fitProbe(all.features, all.labels, {
    c,
    maxIterations: flags.number('iterations') ?? 1000,
    signal: context.signal,
  });
  context.endProgress();
  const accuracy = test === null ? null : await probeAccuracy(probe, test.features, test.labels);
  const [out, predictions] = [flags.string('out'), flags.string('predictions')];
  if (out !== null) {
    const { classes, dim, coefficients, intercepts } = probe;
    await writeJson(out, {
      classes: [...classes],
      dim,
      coefficients: [...coefficients],
      intercepts: [...intercepts],
    });
  }
  if (predictions !== null) {
    const { labels } = await applyProbe(probe, (test ?? all).features);
    await writeNpy(predictions, '<i4', [labels.length], labels);
  }
  const { loss, iterations, converged } = probe;
  const result = { c, loss, iterations, converged, accuracy, sweep: sweep?.tried ?? null };
  if (context.json) context.printJson({ ...result, seconds: (performance.now() - start) / 1000 });
  else {
    const found = accuracy === null ? '' : `, test accuracy ${accuracy.toFixed(4)}`;
    context.print(
      `C = ${c.toPrecision(4)}, loss ${loss.toFixed(6)} after ${String(iterations)} iterations${found}`,
    );
  }
  return 0;
}

export function registerProbe(program: Command, terminal: Terminal): void {
  const command = program
    .command('probe')
    .description('linear probe, few-shot probe and Tip-Adapter on saved embeddings')
    .requiredOption('--train <set>', 'embeddings to fit on')
    .requiredOption('--train-labels <file>', 'class numbers, one a line or .npy')
    .option('--test <set>', 'embeddings to measure on')
    .option('--test-labels <file>', 'their class numbers')
    .option('--c <x>', 'inverse of the L2 penalty (default: 0.316, as CLIP)', positiveNumber)
    .option('--sweep', 'choose C on a validation split, as the CLIP paper does')
    .option('--validation <set>', 'that split (default: every tenth row of the training set)')
    .option('--validation-labels <file>', 'its class numbers')
    .option('--shots <k,...>', 'fit on k rows of each class instead, for each k')
    .option('--seeds <n>', 'draws for each k (default: 3)', wholeNumber(1))
    .option('--seed <n>', 'the first of them (default: 0)', wholeNumber(0))
    .option('--tip-adapter <classifier.npy>', 'also Tip-Adapter, over a saved class matrix')
    .option('--iterations <n>', 'most steps of L-BFGS (default: 1000)', wholeNumber(1))
    .option('--out <probe.json>', 'where coefficients and intercepts go')
    .option('--predictions <labels.npy>', 'where the classes found go (of the test set, if there is one)')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych probe --train train/ --train-labels train.txt --test test/ --test-labels test.txt --sweep
  $ diptych probe --train train/ --train-labels train.txt --test test/ --test-labels test.txt \\
      --shots 1,2,4,8,16 --tip-adapter classes.npy --json`,
    );
  addOutputFlags(command).action((values: OptionValues) => runCommand(values, terminal, run));
}
