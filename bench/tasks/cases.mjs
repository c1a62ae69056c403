// The cases of bench/tasks/run.mjs: each gives, per name in the tables, its subjects and the ratios that are held to.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  adapt,
  applyAdapter,
  applyProbe,
  buildClassifier,
  clipLoss,
  EntryMatcher,
  fitProbe,
  kMeans,
  loadModel,
  openCifar10,
  siglipLoss,
} from '../../dist/index.js';
import { card } from './card.mjs';
import { clustered, metadataPool, save } from './data.mjs';

const seconds = async (work) => {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
};

/** A job of peers.py; null where no Python was given, or it lacks the package. */
function peer({ python, log }, absent, subject, ...args) {
  if (python === null) {
    absent.set(subject, 'no --python was given');
    return null;
  }
  const script = fileURLToPath(new URL('peers.py', import.meta.url));
  // A preset core type would choose a slower BLAS for the peer.
  const env = { ...process.env };
  delete env.OPENBLAS_CORETYPE;
  log(`  ${subject}: ${args[0]}`);
  try {
    const text = execFileSync(python, [script, ...args.map(String)], {
      encoding: 'utf8',
      env,
      maxBuffer: 1 << 28,
    });
    return JSON.parse(text.trim().split('\n').at(-1));
  } catch (error) {
    absent.set(
      subject,
      String(error.stderr ?? error)
        .trim()
        .split('\n')
        .at(-1),
    );
    return null;
  }
}

const listed = (absent) => [...absent].map(([subject, reason]) => ({ subject, reason }));
const own = (subject, unit, better, values, more = {}) => ({ subject, unit, better, values, ...more });
const other = (subject, unit, better, values, more) => ({
  ...own(subject, unit, better, values, more),
  role: 'peer',
});

async function probe(context) {
  const features = clustered(50_000, 512, 10, 3);
  const file = save(context.folder, 'rows.npy', '<f4', [features.rows, features.dim], features.data);
  const labels = save(context.folder, 'labels.npy', '<i4', [features.rows], features.labels);
  const cases = [];
  // scikit-learn's default tolerance, and one at which both have converged: there the losses must be equal.
  for (const tolerance of [1e-4, 1e-7]) {
    const types = tolerance === 1e-4 ? ['float32', 'float64'] : ['float64'];
    const rounds = tolerance === 1e-4 ? context.rounds : 1;
    const [ours, checks, absent] = [[], [], new Map()];
    const theirs = Object.fromEntries(types.map((type) => [type, []]));
    for (let round = 0; round < rounds; round++) {
      const options = { c: 0.316, maxIterations: 1000, tolerance, threads: context.threads };
      const found = await seconds(() => fitProbe(features, features.labels, options));
      ours.push(found.seconds);
      const { labels: predicted } = await applyProbe(found.result, features);
      for (const type of types) {
        const one = peer(
          context,
          absent,
          'scikit-learn',
          'probe',
          file,
          labels,
          0.316,
          tolerance,
          type,
          context.threads,
        );
        if (one === null) continue;
        theirs[type].push(one);
        const differ = one.predictions.reduce(
          (sum, label, row) => sum + (label === predicted[row] ? 0 : 1),
          0,
        );
        checks.push([type, found.result.loss - one.loss, differ, found.result.iterations, one.iterations]);
      }
    }
    const subjects = [own('diptych', 's', 'lower', ours)];
    const ratios = [];
    for (const type of types) {
      const times = theirs[type].map((one) => one.seconds);
      if (times.length === 0) continue;
      const [, gap, differ, mine, his] = checks.findLast(([name]) => name === type);
      const check = `loss ${Math.abs(gap).toExponential(1)} ${gap < 0 ? 'above' : 'below'} ours, ${differ} of 50000 predictions differ, ${his} iterations (ours ${mine})`;
      const subject = `scikit-learn, ${type}`;
      subjects.push(
        other(subject, 's', 'lower', times, { check, versions: { 'scikit-learn': theirs[type][0].version } }),
      );
      if (tolerance === 1e-4)
        ratios.push({ text: 'speed', of: 'diptych', over: subject, a: times, b: ours, atLeast: 3 });
      else
        ratios.push({ text: '|loss gap|', of: 'diptych', over: subject, a: [Math.abs(gap)], atMost: 1e-6 });
    }
    cases.push({
      name: `probe: 50,000 x 512, 10 classes, tolerance ${tolerance}`,
      subjects,
      ratios,
      absent: listed(absent),
    });
  }
  return cases;
}

/** Bytes by which a loss over n pairs raises this process' peak memory, its results included. */
export async function lossMemory(kind, rows, threads) {
  const images = clustered(rows, 512, 500, 1);
  const texts = clustered(rows, 512, 500, 2);
  const loss = kind === 'clip' ? clipLoss : siglipLoss;
  const options = {
    ...(kind === 'clip' ? { logitScale: 100 } : { logitScale: 10, logitBias: -10 }),
    gradients: true,
    threads,
  };
  const part = (from) => ({ data: from.data.slice(0, 200 * from.dim), rows: 200, dim: from.dim });
  // Threads and code are there before it is looked at.
  await loss(part(images), part(texts), options);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  // The peak so far may be above what is in use now: only what rises over it could be missed, so it is told apart.
  const peakBefore = process.resourceUsage().maxRSS * 1024;
  const ours = await seconds(() => loss(images, texts, options));
  const peak = process.resourceUsage().maxRSS * 1024;
  return { seconds: ours.seconds, extra: peak - before, slack: peakBefore - before, loss: ours.result.loss };
}

/** Memory at the bar's size: some minutes' work, whose time is not told. */
async function largeLoss(context, kind) {
  context.log(`  ${kind}`);
  // A process of its own, as a peak is never taken back.
  const call = `lossMemory('${kind}', 32768, ${context.threads})`;
  const code = `import('${new URL('cases.mjs', import.meta.url)}').then(async (it) => console.log(JSON.stringify(await it.${call})))`;
  const text = execFileSync(process.execPath, ['--expose-gc', '-e', code], { encoding: 'utf8' });
  const { extra, loss } = JSON.parse(text);
  return [
    {
      name: `loss and gradients, ${kind}: 32,768 pairs of 512`,
      subjects: [
        own('diptych: memory beyond the inputs', 'MB', 'lower', [extra / 1e6], {
          check: `loss ${loss.toPrecision(6)}`,
        }),
      ],
      ratios: [{ text: 'memory, of 500 MB', of: 'diptych', over: '500 MB', a: [extra / 5e8], atMost: 1 }],
    },
  ];
}

async function losses(context) {
  const cases = [];
  for (const kind of ['clip', 'siglip']) {
    const rows = 4096;
    const [images, texts] = [clustered(rows, 512, 500, 1), clustered(rows, 512, 500, 2)];
    const files = [images, texts].map((one, at) =>
      save(context.folder, `${at}.npy`, '<f4', [rows, 512], one.data),
    );
    const [ours, theirs, absent, gaps] = [[], [], new Map(), []];
    for (let round = 0; round < context.rounds; round++) {
      const options = kind === 'clip' ? { logitScale: 100 } : { logitScale: 10, logitBias: -10 };
      const work = () =>
        (kind === 'clip' ? clipLoss : siglipLoss)(images, texts, {
          ...options,
          gradients: true,
          threads: context.threads,
        });
      const found = await seconds(work);
      const one = peer(context, absent, 'torch', 'losses', kind, ...files, context.threads);
      if (one === null) continue;
      ours.push(found.seconds);
      theirs.push(one);
      gaps.push(Math.abs(found.result.loss - one.loss));
    }
    if (theirs.length === 0) continue;
    const times = theirs.map((one) => one.seconds);
    const check = `losses differ by ${Math.max(...gaps).toExponential(1)}`;
    cases.push({
      name: `loss and gradients, ${kind}: 4,096 pairs of 512`,
      subjects: [
        own('diptych', 's', 'lower', ours),
        other('torch autograd', 's', 'lower', times, { check, versions: { torch: theirs[0].version } }),
        other(
          'torch: memory beyond the inputs',
          'MB',
          'lower',
          theirs.map((one) => one.extra / 1e6),
        ),
      ],
      ratios: [{ text: 'speed', of: 'diptych', over: 'torch autograd', a: times, b: ours }],
      absent: listed(absent),
    });
  }
  return cases;
}

async function matcher(context) {
  const { entries, texts } = metadataPool(500_000, 300_000, 5);
  const ours = new EntryMatcher(entries);
  ours.matchAll(texts.slice(0, 20_000));
  const file = join(context.folder, 'pool.json');
  writeFileSync(file, JSON.stringify({ entries, texts }));
  const [batches, singles, automaton, substring, absent] = [[], [], [], [], new Map()];
  let check = '';
  let versions = {};
  for (let round = 0; round < context.rounds; round++) {
    const all = await seconds(() => ours.matchAll(texts));
    batches.push(texts.length / all.seconds);
    const one = await seconds(() => texts.forEach((text) => ours.match(text)));
    singles.push(texts.length / one.seconds);
    const found = peer(context, absent, 'python', 'matcher', file);
    if (found === null) continue;
    automaton.push(found.automatonPerSecond);
    substring.push(found.substringPerSecond);
    const { ids, offsets } = all.result;
    const firsts = found.first.map((_, row) => Array.from(ids.subarray(offsets[row], offsets[row + 1])));
    const same = JSON.stringify(firsts) === JSON.stringify(found.first);
    check = `${same ? 'the same' : 'OTHER'} matches; ${found.matches === ids.length ? 'as many' : 'NOT AS MANY'} in all (${ids.length})`;
    versions = { pyahocorasick: found.version, python: found.python };
  }
  const rate = 'texts/s';
  return [
    {
      name: 'matching captions against 500,000 entries, 1 thread',
      subjects: [
        own('diptych, matchAll', rate, 'higher', batches),
        own('diptych, match', rate, 'higher', singles),
        ...(automaton.length === 0
          ? []
          : [
              other('MetaCLIP, pyahocorasick', rate, 'higher', automaton, { check, versions }),
              other("MetaCLIP's first form, `entry in text`", rate, 'higher', substring, { check }),
            ]),
      ],
      ratios:
        automaton.length === 0
          ? []
          : [
              {
                text: 'speed',
                of: 'diptych, matchAll',
                over: 'MetaCLIP, pyahocorasick',
                a: batches,
                b: automaton,
                atLeast: 20,
              },
              {
                text: 'speed',
                of: 'diptych, matchAll',
                over: "MetaCLIP's first form",
                a: batches,
                b: substring,
                atLeast: 20,
              },
            ],
      absent: listed(absent),
    },
  ];
}

async function kmeans(context) {
  const features = clustered(200_000, 512, 3000, 7);
  const file = save(context.folder, 'rows.npy', '<f4', [features.rows, features.dim], features.data);
  const [ours, theirs, objectives, absent] = [[], [], [], new Map()];
  for (let round = 0; round < context.rounds; round++) {
    const found = await seconds(() =>
      kMeans(features, { clusters: 1000, seed: 1 + round, threads: context.threads }),
    );
    ours.push(found.seconds);
    objectives.push(found.result.objective);
    const one = peer(context, absent, 'faiss', 'kmeans', file, context.threads, 1234 + round);
    if (one !== null) theirs.push(one);
  }
  const times = theirs.map((one) => one.seconds);
  const known = theirs.map((one) => one.objective);
  return [
    {
      name: 'k-means: 200,000 x 512, 1,000 centroids',
      subjects: [
        own('diptych', 's', 'lower', ours),
        own('diptych: objective', 'squared distances', 'lower', objectives),
        ...(times.length === 0
          ? []
          : [
              other('faiss', 's', 'lower', times, { versions: { faiss: theirs[0].version } }),
              other('faiss: objective', 'squared distances', 'lower', known),
            ]),
      ],
      ratios:
        times.length === 0
          ? []
          : [
              { text: 'speed', of: 'diptych', over: 'faiss', a: times, b: ours, atLeast: 1.5 },
              { text: 'objective', of: 'diptych', over: 'faiss', a: objectives, b: known, atMost: 1 },
            ],
      absent: listed(absent),
    },
  ];
}

async function adaptation(context) {
  const name = 'adapt: diptych-mini and 5,000 labelled CIFAR-10 images';
  if (context.cifar === null)
    return [
      { name, subjects: [], ratios: [], absent: [{ subject: 'diptych', reason: 'no --cifar was given' }] },
    ];
  const model = await loadModel('diptych-mini', { threads: context.threads });
  const embed = async (split, rows) => {
    const set = openCifar10(context.cifar, split);
    const parts = [];
    for (let from = 0; from < rows; from += 500) {
      const images = Array.from({ length: Math.min(500, rows - from) }, (_, at) => set.image(from + at));
      parts.push((await model.embedImages(images)).data);
    }
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (data.set(part, at), at + part.length), 0);
    return { features: { data, rows, dim: data.length / rows }, labels: set.labels.slice(0, rows), set };
  };
  const classes = openCifar10(context.cifar);
  context.log('  embedding the training images');
  const train = await seconds(() => embed('train', 5000));
  const texts = await buildClassifier(model, classes.classes, classes.templates);
  const accuracyOf = ({ data, rows, dim }, labels) => {
    let hits = 0;
    for (let row = 0; row < rows; row++) {
      const scores = Array.from({ length: texts.rows }, (_, c) => {
        let sum = 0;
        for (let i = 0; i < dim; i++) sum += data[row * dim + i] * texts.data[c * dim + i];
        return sum;
      });
      if (scores.indexOf(Math.max(...scores)) === labels[row]) hits++;
    }
    return hits / rows;
  };
  const runs = [];
  for (let seed = 0; seed < context.rounds; seed++) {
    context.log(`  adapt, seed ${seed}`);
    const { features, labels } = train.result;
    runs.push(await seconds(() => adapt(features, labels, texts, { seed, threads: context.threads })));
  }
  context.log('  embedding the test images');
  const test = await embed('test', 10_000);
  await model.close();
  const before = accuracyOf(test.features, test.labels);
  const after = [];
  for (const { result } of runs)
    after.push(accuracyOf(await applyAdapter(result.adapter, test.features), test.labels));
  const times = runs.map((run) => run.seconds);
  const whole = times.map((time) => time + train.seconds);
  return [
    {
      name,
      subjects: [
        own('test accuracy before', 'of 10,000', 'higher', [before]),
        own('test accuracy after', 'of 10,000', 'higher', after, {
          settings: 'defaults of adapt, seeds 0, 1, ...',
        }),
        own('training the adapter', 's', 'lower', times),
        own('embedding 5,000 images and training', 's', 'lower', whole),
      ],
      ratios: [
        { text: 'test accuracy', of: 'right', over: 'all', a: after, atLeast: 0.85 },
        {
          text: 'training, of 2 minutes',
          of: 'training',
          over: '120 s',
          a: times.map((time) => time / 120),
          atMost: 1,
        },
        {
          text: 'with embedding, of 2 minutes',
          of: 'embedding and training',
          over: '120 s',
          a: whole.map((time) => time / 120),
          atMost: 1,
        },
      ],
    },
  ];
}

export const CASES = {
  probe,
  losses,
  'losses-clip': (context) => largeLoss(context, 'clip'),
  'losses-siglip': (context) => largeLoss(context, 'siglip'),
  matcher,
  kmeans,
  adapt: adaptation,
  card,
};
