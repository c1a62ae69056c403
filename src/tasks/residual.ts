import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import { callNative, type Features } from './features.js';

/** What a forward pass leaves for the way back. */
export interface Pass {
  readonly input: Features;
  readonly hidden: Float32Array;
  /** What kept hidden units were multiplied with, others being dropped: 1 without dropout. */
  readonly keptScale: number;
  readonly lengths: Float64Array;
  /** Rows of unit length. */
  readonly output: Features;
}

export interface StepOptions {
  readonly rate: number;
  readonly decay: number;
  readonly threads: number;
  readonly signal: AbortSignal | null;
}

/** Adam's averages (Kingma and Ba 2015), with the decay of AdamW (Loshchilov and Hutter 2019). */
const FIRST = 0.9;
const SECOND = 0.999;
const EPSILON = 1e-8;

class Adam {
  readonly weights: Float32Array;
  readonly #mean: Float32Array;
  readonly #square: Float32Array;
  #steps = 0;

  constructor(weights: Float32Array) {
    this.weights = weights;
    this.#mean = new Float32Array(weights.length);
    this.#square = new Float32Array(weights.length);
  }

  step(gradient: Float32Array, rate: number, decay: number): void {
    this.#steps++;
    const meanShare = 1 - FIRST ** this.#steps;
    const squareShare = 1 - SECOND ** this.#steps;
    const { weights } = this;
    for (let i = 0; i < weights.length; i++) {
      const slope = gradient[i] ?? 0;
      const mean = FIRST * (this.#mean[i] ?? 0) + (1 - FIRST) * slope;
      const square = SECOND * (this.#square[i] ?? 0) + (1 - SECOND) * slope * slope;
      this.#mean[i] = mean;
      this.#square[i] = square;
      const now = weights[i] ?? 0;
      const move = mean / meanShare / (Math.sqrt(square / squareShare) + EPSILON);
      weights[i] = now - rate * (move + decay * now);
    }
  }
}

export type AdapterKind = 'residual' | 'linear';

/** Hidden units dropped at random in a pass of training. */
export interface Dropout {
  readonly rate: number;
  readonly random: () => number;
}

/** What is written to disk. */
export interface ResidualFile {
  /** linear: without the relu. */
  readonly kind: AdapterKind;
  readonly dim: number;
  readonly hidden: number;
  /** Base64 of little-endian float32: dim x hidden, then hidden x dim. */
  readonly inner: string;
  readonly outer: string;
}

const toBase64 = (data: Float32Array): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');

function fromBase64(text: unknown, length: number): Float32Array {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  if (bytes.length !== length * 4)
    throw new DiptychError('INPUT_UNREADABLE', `expected ${String(length)} weights`, { input: 'adapter' });
  const data = new Float32Array(length);
  new Uint8Array(data.buffer).set(bytes);
  return data;
}

/**
 * y = unit(x + relu(x A) B) over unit rows x (linear: without the relu): begins as the identity (B = 0), so training
 * starts from the model as it is.
 */
export class Residual {
  readonly dim: number;
  readonly hidden: number;
  readonly kind: AdapterKind;
  /** A = gain * #inner: the numbers of a unit row are small, and training wants inputs of about 1. */
  readonly #gain: number;
  readonly #inner: Adam;
  readonly #outer: Adam;

  constructor(dim: number, hidden: number, random: () => number, kind: AdapterKind = 'residual') {
    this.dim = dim;
    this.hidden = hidden;
    this.kind = kind;
    this.#gain = Math.sqrt(dim) / 2;
    // He et al. 2015, uniform form.
    const width = Math.sqrt(6 / dim) / 2;
    this.#inner = new Adam(Float32Array.from({ length: dim * hidden }, () => (2 * random() - 1) * width));
    this.#outer = new Adam(new Float32Array(hidden * dim));
  }

  async forward(
    input: Features,
    threads: number,
    signal: AbortSignal | null,
    dropout?: Dropout,
  ): Promise<Pass> {
    const { rows, dim } = input;
    const { hidden: width } = this;
    const hidden = new Float32Array(rows * width);
    const data = new Float32Array(rows * dim);
    await callNative(signal, () =>
      native().matmul(input.data, false, this.#inner.weights, false, rows, width, dim, hidden, threads),
    );
    const keptScale = dropout === undefined ? 1 : 1 / (1 - dropout.rate);
    for (let i = 0; i < hidden.length; i++) {
      const value = (hidden[i] ?? 0) * this.#gain;
      const isOff = this.kind === 'residual' && value < 0;
      const isDropped = dropout !== undefined && dropout.random() < dropout.rate;
      hidden[i] = isOff || isDropped ? 0 : value * keptScale;
    }
    await callNative(signal, () =>
      native().matmul(hidden, false, this.#outer.weights, false, rows, dim, width, data, threads),
    );
    const lengths = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      let squares = 0;
      for (let i = row * dim; i < (row + 1) * dim; i++) {
        const value = (data[i] ?? 0) + (input.data[i] ?? 0);
        data[i] = value;
        squares += value * value;
      }
      const length = Math.sqrt(squares);
      lengths[row] = length;
      if (length === 0) continue;
      for (let i = row * dim; i < (row + 1) * dim; i++) data[i] = (data[i] ?? 0) / length;
    }
    return { input, hidden, keptScale, lengths, output: { data, rows, dim } };
  }

  /** One step of training, given d loss / d output. */
  async backward(pass: Pass, slope: Float32Array, options: StepOptions): Promise<void> {
    const { rows, dim } = pass.output;
    const { hidden: width } = this;
    const { threads, signal } = options;
    // Through the length: d/dv of v / |v| is (g - y (y . g)) / |v|.
    const before = new Float32Array(rows * dim);
    for (let row = 0; row < rows; row++) {
      let along = 0;
      for (let i = row * dim; i < (row + 1) * dim; i++) along += (slope[i] ?? 0) * (pass.output.data[i] ?? 0);
      const length = pass.lengths[row] ?? 0;
      if (length === 0) continue;
      for (let i = row * dim; i < (row + 1) * dim; i++) {
        before[i] = ((slope[i] ?? 0) - along * (pass.output.data[i] ?? 0)) / length;
      }
    }
    const outer = new Float32Array(width * dim);
    await callNative(signal, () =>
      native().matmul(pass.hidden, true, before, false, width, dim, rows, outer, threads),
    );
    const inside = new Float32Array(rows * width);
    await callNative(signal, () =>
      native().matmul(before, false, this.#outer.weights, true, rows, width, dim, inside, threads),
    );
    // A unit that was off or dropped is 0, and no way back leads through it.
    const factor = this.#gain * pass.keptScale;
    for (let i = 0; i < inside.length; i++)
      inside[i] = (pass.hidden[i] ?? 0) === 0 ? 0 : (inside[i] ?? 0) * factor;
    const inner = new Float32Array(dim * width);
    await callNative(signal, () =>
      native().matmul(pass.input.data, true, inside, false, dim, width, rows, inner, threads),
    );
    this.#outer.step(outer, options.rate, options.decay);
    this.#inner.step(inner, options.rate, options.decay);
  }

  snapshot(): readonly [Float32Array, Float32Array] {
    return [Float32Array.from(this.#inner.weights), Float32Array.from(this.#outer.weights)];
  }

  restore([inner, outer]: readonly [Float32Array, Float32Array]): void {
    this.#inner.weights.set(inner);
    this.#outer.weights.set(outer);
  }

  /** A (dim x hidden) and B (hidden x dim) of the formula. */
  matrices(): { readonly inner: Float32Array; readonly outer: Float32Array } {
    const inner = this.#inner.weights.map((weight) => weight * this.#gain);
    return { inner, outer: Float32Array.from(this.#outer.weights) };
  }

  toJSON(): ResidualFile {
    const { dim, hidden, kind } = this;
    const { inner, outer } = this.matrices();
    return { kind, dim, hidden, inner: toBase64(inner), outer: toBase64(outer) };
  }

  /** Reads what {@link toJSON} gave. Throws INPUT_UNREADABLE. */
  static from(value: unknown): Residual {
    const invalid = new DiptychError('INPUT_UNREADABLE', 'expected an adapter as diptych adapt writes it', {
      input: 'adapter',
    });
    if (typeof value !== 'object' || value === null || !('kind' in value)) throw invalid;
    const { kind } = value;
    if (kind !== 'residual' && kind !== 'linear') throw invalid;
    if (!('dim' in value) || !('hidden' in value) || !('inner' in value) || !('outer' in value))
      throw invalid;
    const { dim, hidden } = value;
    if (typeof dim !== 'number' || typeof hidden !== 'number') throw invalid;
    if (!Number.isSafeInteger(dim * hidden) || dim < 1 || hidden < 1) throw invalid;
    const adapter = new Residual(dim, hidden, () => 0, kind);
    const inner = fromBase64(value.inner, dim * hidden).map((weight) => weight / adapter.#gain);
    adapter.restore([inner, fromBase64(value.outer, dim * hidden)]);
    return adapter;
  }
}
