import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { parseOptions, read } from '../options.js';
import {
  callNative,
  checkFeatures,
  checkLabels,
  checkSameDim,
  pinnable,
  readFunction,
  takeRows,
  type Features,
} from './features.js';
import { mersenne } from './mersenne.js';
import { Residual, type AdapterKind, type Dropout, type Pass } from './residual.js';

/** Training of a small adapter on embeddings of one's own domain; the towers stay as they are. */
export interface AdaptOptions {
  /** Which side gets an adapter. Default `image`: the texts stay, so other classes can still be asked for. */
  readonly side?: 'image' | 'text' | 'both';
  /** `residual` (default): y = unit(x + relu(xA)B); `linear`: without the relu. */
  readonly kind?: AdapterKind;
  /** Hidden units of the adapter. Default 512. */
  readonly hidden?: number;
  /** Share of the hidden units dropped in each step: a few thousand rows need it. Default 0.5. */
  readonly dropout?: number;
  /** Default 40. */
  readonly epochs?: number;
  /** Default 128. */
  readonly batchSize?: number;
  /** Default 1e-3. */
  readonly learningRate?: number;
  /** Decoupled weight decay. Default 5e-2. */
  readonly weightDecay?: number;
  /** Factor of the cosines in the loss. Default 20. */
  readonly logitScale?: number;
  /** Stop after so many epochs without a better validation accuracy. Default 15. */
  readonly patience?: number;
  /** Share of the rows kept for validation. Default 0.1. */
  readonly validation?: number;
  /** Default 0. */
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  /** After each epoch. */
  readonly onProgress?: ((epoch: number, loss: number, accuracy: number) => void) | undefined;
}

interface Resolved {
  readonly side: 'image' | 'text' | 'both';
  readonly kind: AdapterKind;
  readonly dropout: number;
  readonly hidden: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly logitScale: number;
  readonly patience: number;
  readonly validation: number;
  readonly seed: number;
  readonly threads: number;
  readonly signal: AbortSignal | null;
  readonly onProgress: ((epoch: number, loss: number, accuracy: number) => void) | null;
}

export interface Adapted {
  /** Of the images; null with side `text`. */
  readonly adapter: Residual | null;
  /** Of the texts; null with side `image`. */
  readonly textAdapter: Residual | null;
  /** Validation accuracy before any training, and of the adapter kept. */
  readonly before: number;
  readonly accuracy: number;
  readonly epochs: number;
}

const positive = read.number((value) => Number.isFinite(value) && value > 0, 'a positive number');

function parseAdapt(given: unknown): Resolved {
  return parseOptions<Resolved>(
    given,
    {
      side: read.oneOf('image', 'text', 'both'),
      kind: read.oneOf('residual', 'linear'),
      dropout: read.number((value) => value >= 0 && value < 1, 'a share from 0 to below 1'),
      hidden: read.integer(1, 65_536),
      epochs: read.integer(1),
      batchSize: read.integer(1),
      learningRate: positive,
      weightDecay: read.number((value) => value >= 0 && value < 1, 'a number from 0 to below 1'),
      logitScale: positive,
      patience: read.integer(1),
      validation: read.number((value) => value > 0 && value < 1, 'a share between 0 and 1'),
      seed: read.integer(0),
      threads: read.integer(1, 256),
      signal: read.signal,
      onProgress: readFunction,
    },
    {
      side: 'image',
      kind: 'residual',
      dropout: 0.5,
      hidden: 512,
      epochs: 40,
      batchSize: 128,
      learningRate: 1e-3,
      weightDecay: 5e-2,
      logitScale: 20,
      patience: 15,
      validation: 0.1,
      seed: 0,
      threads: native().availableCores(),
      signal: null,
      onProgress: null,
    },
    'adapt options',
  );
}

/** Rows x classes of unit rows times unit targets. */
async function cosines(
  unit: Features,
  targets: Features,
  { threads, signal }: Resolved,
): Promise<Float32Array> {
  const out = new Float32Array(unit.rows * targets.rows);
  await callNative(signal, () =>
    native().matmul(unit.data, false, targets.data, true, unit.rows, targets.rows, unit.dim, out, threads),
  );
  return out;
}

/** Cross-entropy of softmax(scale * cosines), turned in place into its slope; gives loss and hits. */
function crossEntropy(
  scores: Float32Array,
  labels: Int32Array,
  classes: number,
  scale: number,
): { loss: number; hits: number } {
  let [loss, hits] = [0, 0];
  labels.forEach((label, row) => {
    const line = scores.subarray(row * classes, (row + 1) * classes);
    const most = line.reduce((a, b) => Math.max(a, b), -Infinity);
    if (line.indexOf(most) === label) hits++;
    const own = line[label] ?? 0;
    let sum = 0;
    for (const value of line) sum += Math.exp(scale * (value - most));
    loss += Math.log(sum) - scale * (own - most);
    line.forEach((value, at) => {
      const probability = Math.exp(scale * (value - most)) / sum;
      line[at] = ((probability - (at === label ? 1 : 0)) * scale) / labels.length;
    });
  });
  return { loss: loss / labels.length, hits };
}

/** a^T b or a b, rows x columns, in float32 on the addon. */
async function product(
  a: Float32Array,
  aTransposed: boolean,
  b: Float32Array,
  [rows, columns, depth]: readonly [number, number, number],
  { threads, signal }: Resolved,
): Promise<Float32Array> {
  const out = new Float32Array(rows * columns);
  await callNative(signal, () =>
    native().matmul(a, aTransposed, b, false, rows, columns, depth, out, threads),
  );
  return out;
}

/** One side of the model: its rows as they are, or through the adapter that is being trained. */
class AdaptedSide {
  readonly adapter: Residual | null;
  readonly #options: Resolved;
  #pass: Pass | null = null;

  constructor(isAdapted: boolean, dim: number, options: Resolved, random: () => number) {
    this.#options = options;
    this.adapter = isAdapted ? new Residual(dim, options.hidden, random, options.kind) : null;
  }

  async forward(rows: Features, dropout?: Dropout): Promise<Features> {
    if (this.adapter === null) return rows;
    const { threads, signal } = this.#options;
    this.#pass = await this.adapter.forward(rows, threads, signal, dropout);
    return this.#pass.output;
  }

  async backward(slope: () => Promise<Float32Array>, rate: number): Promise<void> {
    if (this.adapter === null || this.#pass === null) return;
    const { weightDecay: decay, threads, signal } = this.#options;
    await this.adapter.backward(this.#pass, await slope(), { rate, decay, threads, signal });
  }
}

type Weights = readonly [Float32Array, Float32Array];

/** How much of the average a step keeps: it looks back over about a hundred steps. */
const AVERAGE_DECAY = 0.99;

/** Running means of the weights: smoother than the weights of any step, and better for it. */
class WeightAverages {
  readonly #adapters: readonly Residual[];
  readonly #means: readonly Weights[];
  #steps = 0;

  constructor(adapters: readonly Residual[]) {
    this.#adapters = adapters;
    this.#means = adapters.map((adapter) => adapter.snapshot());
  }

  /** Takes in the weights after a step. */
  add(): void {
    // At first over fewer steps, so that the start is soon forgotten.
    const decay = Math.min(AVERAGE_DECAY, (1 + this.#steps) / (10 + this.#steps));
    this.#steps++;
    this.#adapters.forEach((adapter, at) => {
      adapter.snapshot().forEach((now, part) => {
        const mean = this.#means[at]?.[part] ?? now;
        for (let i = 0; i < mean.length; i++) mean[i] = decay * (mean[i] ?? 0) + (1 - decay) * (now[i] ?? 0);
      });
    });
  }

  copy(): readonly Weights[] {
    return this.#means.map(([inner, outer]) => [Float32Array.from(inner), Float32Array.from(outer)]);
  }

  /** Runs `work` with the means as weights. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const own = this.#adapters.map((adapter) => adapter.snapshot());
    this.keep(this.#means);
    const result = await work();
    this.keep(own);
    return result;
  }

  keep(weights: readonly Weights[]): void {
    this.#adapters.forEach((adapter, at) => {
      const own = weights[at];
      if (own !== undefined) adapter.restore(own);
    });
  }
}

/**
 * Trains a small adapter so that each image's row comes to lie at the text of its class:
 * y = unit(x + relu(x A) B) on the side(s) chosen, softmax cross-entropy of logitScale * image . text over the texts,
 * AdamW with dropout, running means of the weights, early stopping on a validation share. It starts as the model is. Nothing but the rows passed in
 * decides which weights are kept.
 *
 * `labels[r]` is the row of `texts` that image r belongs to: pairs of one's own are the case where each has its text.
 *
 * @throws DiptychError BAD_INPUT, DIMENSION_MISMATCH, BAD_OPTION, ABORTED.
 */
export async function adapt(
  images: Features,
  labels: ArrayLike<number>,
  texts: Features,
  options?: AdaptOptions,
): Promise<Adapted> {
  const resolved = parseAdapt(options);
  const rows = checkFeatures(images, 'images', 2);
  const targets = unitRows(checkFeatures(texts, 'texts'));
  checkSameDim(rows, targets, ['images', 'texts']);
  const wanted = checkLabels(labels, rows.rows, targets.rows);
  const { epochs, batchSize, logitScale, patience, validation, seed, learningRate, side } = resolved;

  const random = mersenne(seed);
  const order = shuffled(rows.rows, random);
  const held = Math.min(rows.rows - 1, Math.max(1, Math.round(rows.rows * validation)));
  const unit = unitRows(rows);
  const check = part(unit, wanted, order.subarray(0, held));
  const train = order.slice(held);
  const imageSide = new AdaptedSide(side !== 'text', rows.dim, resolved, random);
  const textSide = new AdaptedSide(side !== 'image', rows.dim, resolved, random);
  const sides = [imageSide, textSide];
  const averages = new WeightAverages(sides.flatMap(({ adapter }) => adapter ?? []));
  const measure = async (): Promise<number> => {
    const found = await imageSide.forward(check.features);
    const scores = await cosines(found, await textSide.forward(targets), resolved);
    return crossEntropy(scores, check.labels, targets.rows, logitScale).hits / held;
  };
  const before = await measure();
  let best = { accuracy: before, weights: averages.copy(), epoch: 0 };
  const dropout = resolved.dropout === 0 ? undefined : { rate: resolved.dropout, random };
  const steps = epochs * Math.ceil(train.length / batchSize);
  let [epoch, step] = [0, 0];
  while (epoch < epochs && epoch - best.epoch < patience) {
    epoch++;
    reshuffle(train, random);
    let loss = 0;
    for (let from = 0; from < train.length; from += batchSize) {
      const batch = part(unit, wanted, train.subarray(from, from + batchSize));
      const found = await imageSide.forward(batch.features, dropout);
      const classes = await textSide.forward(targets, dropout);
      const scores = await cosines(found, classes, resolved);
      loss += crossEntropy(scores, batch.labels, targets.rows, logitScale).loss * batch.labels.length;
      const sizes = [found.rows, classes.rows] as const;
      // Half a cosine: large steps first, none at the end.
      const rate = (learningRate * (1 + Math.cos((Math.PI * step++) / steps))) / 2;
      await imageSide.backward(
        () => product(scores, false, classes.data, [sizes[0], rows.dim, sizes[1]], resolved),
        rate,
      );
      await textSide.backward(
        () => product(scores, true, found.data, [sizes[1], rows.dim, sizes[0]], resolved),
        rate,
      );
      averages.add();
    }
    const accuracy = await averages.during(measure);
    resolved.onProgress?.(epoch, loss / train.length, accuracy);
    // Of equal ones the later: its steps were smaller.
    if (accuracy > before && accuracy >= best.accuracy) best = { accuracy, weights: averages.copy(), epoch };
  }
  averages.keep(best.weights);
  return {
    adapter: imageSide.adapter,
    textAdapter: textSide.adapter,
    before,
    accuracy: best.accuracy,
    epochs: epoch,
  };
}

function part(
  features: Features,
  labels: Int32Array,
  rows: Int32Array,
): { features: Features; labels: Int32Array } {
  return { features: takeRows(features, rows), labels: rows.map((row) => labels[row] ?? 0) };
}

function shuffled(count: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, at) => at);
  reshuffle(order, random);
  return order;
}

function reshuffle(order: Int32Array, random: () => number): void {
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
  }
}

/** A copy with rows of unit length; rows of zeros stay. */
function unitRows(features: Features): Features {
  const data = Float32Array.from(pinnable(features.data));
  for (let at = 0; at < data.length; at += features.dim) {
    let squares = 0;
    for (let i = at; i < at + features.dim; i++) squares += (data[i] ?? 0) ** 2;
    const factor = squares === 0 ? 0 : 1 / Math.sqrt(squares);
    for (let i = at; i < at + features.dim; i++) data[i] = (data[i] ?? 0) * factor;
  }
  return { data, rows: features.rows, dim: features.dim };
}

/** Adapts rows with a trained adapter (null: the side that got none, rows at unit length). Throws DIMENSION_MISMATCH. */
export async function applyAdapter(
  adapter: Residual | null,
  features: Features,
  threads?: number,
): Promise<Features> {
  const rows = checkFeatures(features, 'features', 0);
  if (adapter === null) return unitRows(rows);
  if (rows.dim !== adapter.dim) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `the adapter was trained for ${String(adapter.dim)} numbers a row, these have ${String(rows.dim)}`,
      { input: 'features' },
    );
  }
  const { output } = await adapter.forward(unitRows(rows), threads ?? native().availableCores(), null);
  return output;
}
