#!/usr/bin/env node
// node bench/tasks/run.mjs kmeans|probe|matcher|losses [--python PYTHON]: the tasks' bars, ours beside the Python that
// people use (faiss, scikit-learn, MetaCLIP's substring rule, torch). Data are made here, seeded. Correctness is
// compared before time is told. PYTHON needs numpy and the peer: faiss-cpu, scikit-learn, pyahocorasick.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EntryMatcher, clipLoss, fitProbe, kMeans, mersenne, siglipLoss } from '../../dist/index.js';
import { npyHeader } from '../../dist/output/npy.js';

const THREADS = 2;
const [suite, ...rest] = process.argv.slice(2);
const python = rest[rest.indexOf('--python') + 1] ?? null;
const folder = mkdtempSync(join(tmpdir(), 'diptych-bench-'));

const seconds = async (work) => {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
};
const peer = (...args) => {
  if (python === null || !rest.includes('--python')) return null;
  const script = fileURLToPath(new URL('peers.py', import.meta.url));
  // A preset core type would choose a slower BLAS for the peer.
  const env = { ...process.env };
  delete env.OPENBLAS_CORETYPE;
  const text = execFileSync(python, [script, ...args], { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  return JSON.parse(text.trim().split('\n').at(-1));
};
const save = (name, type, shape, data) => {
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([npyHeader(type, shape), new Uint8Array(data.buffer)]));
  return file;
};
const tell = (subject, what) => console.log(JSON.stringify({ suite, subject, ...what }));

/** Rows around centres of uneven weight, at unit length: the shape of CLIP's embeddings. */
function clustered(rows, dim, centres, seed) {
  const random = mersenne(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const middle = Float32Array.from({ length: centres * dim }, normal);
  const shared = Float32Array.from({ length: dim }, normal);
  const data = new Float32Array(rows * dim);
  const labels = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const centre = Math.floor(centres * random() ** 2);
    labels[row] = centre;
    let squares = 0;
    for (let i = 0; i < dim; i++) {
      const value = middle[centre * dim + i] + 0.8 * shared[i] + 1.2 * normal();
      data[row * dim + i] = value;
      squares += value * value;
    }
    const factor = 1 / Math.sqrt(squares);
    for (let i = 0; i < dim; i++) data[row * dim + i] *= factor;
  }
  return { data, rows, dim, labels };
}

const SUITES = {
  async kmeans() {
    const features = clustered(200_000, 512, 3000, 7);
    const file = save('rows.npy', '<f4', [features.rows, features.dim], features.data);
    const ours = await seconds(() => kMeans(features, { clusters: 1000, seed: 1, threads: THREADS }));
    const { objective, iterations } = ours.result;
    tell('diptych', { seconds: ours.seconds, objective, iterations });
    const theirs = peer('kmeans', file, String(THREADS));
    if (theirs !== null) {
      tell('faiss', theirs);
      tell('ratio', {
        speed: theirs.seconds / ours.seconds,
        objective: objective / theirs.objective,
      });
    }
  },

  async probe() {
    const features = clustered(50_000, 512, 10, 3);
    const file = save('rows.npy', '<f4', [features.rows, features.dim], features.data);
    const labels = save('labels.npy', '<i4', [features.rows], features.labels);
    const options = { c: 0.316, maxIterations: 1000, threads: THREADS };
    const ours = await seconds(() => fitProbe(features, features.labels, options));
    tell('diptych', { seconds: ours.seconds, loss: ours.result.loss, iterations: ours.result.iterations });
    const theirs = peer('probe', file, labels, '0.316', String(THREADS));
    if (theirs !== null) {
      tell('scikit-learn', theirs);
      for (const [type, { seconds: time, loss }] of Object.entries(theirs).filter(([, one]) => one.loss)) {
        tell(`ratio, ${type}`, { speed: time / ours.seconds, lossGap: ours.result.loss - loss });
      }
    }
  },

  async matcher() {
    const random = mersenne(5);
    const letters = 'etaoinshrdlcumwfgypbvkjxqz';
    const word = () =>
      Array.from(
        { length: 3 + Math.floor(6 * random()) },
        () => letters[Math.floor(26 * random() ** 2)],
      ).join('');
    const words = Array.from({ length: 120_000 }, word);
    const any = () => words[Math.floor(words.length * random() ** 3)];
    const entries = new Set(words);
    while (entries.size < 500_000)
      entries.add(random() < 0.8 ? `${any()} ${any()}` : `${any()} ${any()} ${any()}`);
    const list = [...entries];
    const text = () =>
      Array.from({ length: 4 + Math.floor(16 * random()) }, any).join(random() < 0.1 ? ', ' : ' ');
    const texts = Array.from({ length: 300_000 }, text);
    const matcher = new EntryMatcher(list);
    for (const one of texts.slice(0, 20_000)) matcher.match(one);
    let matches = 0;
    const ours = await seconds(() => {
      for (const one of texts) matches += matcher.match(one).length;
    });
    tell('diptych', { textsPerSecond: texts.length / ours.seconds, matches });
    const file = join(folder, 'pool.json');
    writeFileSync(file, JSON.stringify({ entries: list, texts }));
    const some = [...texts.slice(0, 40).keys()].map((at) => matcher.match(texts[at]));
    const theirs = peer('matcher', file);
    if (theirs !== null) {
      const { first, ...figures } = theirs;
      tell('python', { ...figures, sameMatches: JSON.stringify(first) === JSON.stringify(some) });
      tell('ratio', {
        substring: texts.length / ours.seconds / theirs.substringPerSecond,
        automaton: texts.length / ours.seconds / theirs.automatonPerSecond,
      });
    }
  },

  async losses() {
    const rows = 32_768;
    const images = clustered(rows, 512, 500, 1);
    const texts = clustered(rows, 512, 500, 2);
    for (const [name, loss, options] of [
      ['clip', clipLoss, { logitScale: 100 }],
      ['siglip', siglipLoss, { logitScale: 10, logitBias: -10 }],
    ]) {
      globalThis.gc?.();
      const before = process.memoryUsage().rss;
      const most = () => process.resourceUsage().maxRSS * 1024;
      const peakBefore = most();
      const ours = await seconds(() =>
        loss(images, texts, { ...options, gradients: true, threads: THREADS }),
      );
      const extra = Math.max(0, most() - Math.max(before, peakBefore > before * 1.05 ? peakBefore : before));
      tell(`diptych ${name}`, { seconds: ours.seconds, loss: ours.result.loss, extraMB: extra / 1e6 });
    }
  },
};

try {
  if (SUITES[suite] === undefined) throw new Error(`name one of ${Object.keys(SUITES).join(', ')}`);
  await SUITES[suite]();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
