import { open } from 'node:fs/promises';
import { numberToHalf } from '../session/half.js';
import { randomGenerator } from './statistics.js';

/** Protocol-buffer wire format, as far as ONNX needs it: varints and length-delimited fields. */
type Part = Uint8Array;

function varint(value: number): Part {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

const size = (parts: readonly Part[]): number => parts.reduce((sum, part) => sum + part.length, 0);
const int = (field: number, value: number): Part[] => [varint(field * 8), varint(value)];
const message = (field: number, parts: readonly Part[]): Part[] => [
  varint(field * 8 + 2),
  varint(size(parts)),
  ...parts,
];
const text = (field: number, value: string): Part[] => message(field, [new TextEncoder().encode(value)]);

export const FLOAT = 1;
const INT8 = 3;
export const INT64 = 7;
const FLOAT16 = 10;

/** How a graph computes: in float32, in float16, or with its linear layers in int8 (quantised as it runs). */
export type GraphPrecision = 'fp32' | 'fp16' | 'int8';

type Attribute = number | readonly number[] | { readonly float: number };

function attribute(name: string, value: Attribute): Part[] {
  if (typeof value === 'number') return [...text(1, name), ...int(3, value), ...int(20, 2)];
  if ('float' in value) {
    const bytes = new Uint8Array(Float32Array.of(value.float).buffer);
    return [...text(1, name), varint(2 * 8 + 5), bytes, ...int(20, 1)];
  }
  return [...text(1, name), ...value.flatMap((one) => int(8, one)), ...int(20, 7)];
}

/** Negative dimensions are free and called by the name that follows. */
export type Dimension = number | string;

/** Builds a graph node by node and writes it as an ONNX file (opset 17). Weights are random, but always the same. */
export class GraphBuilder {
  readonly #nodes: Part[][] = [];
  readonly #weights: Part[][] = [];
  readonly #inputs: Part[][] = [];
  readonly #outputs: Part[][] = [];
  readonly #table: Float32Array;
  #count = 0;

  readonly precision: GraphPrecision;

  constructor(seed: number, precision: GraphPrecision = 'fp32') {
    this.precision = precision;
    const random = randomGenerator(seed);
    // One table of normal-like numbers, read from changing places: a generator call per weight would take a minute.
    this.#table = Float32Array.from(
      { length: 1_000_003 },
      () => random() + random() + random() + random() - 2,
    );
  }

  #name(stem: string): string {
    return `${stem}_${String(this.#count++)}`;
  }

  input(name: string, type: number, shape: readonly Dimension[]): string {
    this.#inputs.push(message(11, valueInfo(name, type, shape)));
    return type === FLOAT && this.precision === 'fp16' ? this.node('Cast', [name], { to: FLOAT16 }) : name;
  }

  output(name: string, from: string, shape: readonly Dimension[]): void {
    const cast = message(5, attribute('to', FLOAT));
    this.#nodes.push(message(1, [...text(1, from), ...text(2, name), ...text(4, 'Cast'), ...cast]));
    this.#outputs.push(message(12, valueInfo(name, FLOAT, shape)));
  }

  #tensor(dims: readonly number[], type: number, bytes: Part): string {
    const name = this.#name('w');
    const shape = dims.flatMap((dim) => int(1, dim));
    this.#weights.push(message(5, [...shape, ...int(2, type), ...text(8, name), ...message(9, [bytes])]));
    return name;
  }

  #values(dims: readonly number[], spread: number, offset: number): Float32Array {
    const length = dims.reduce((product, dim) => product * dim, 1);
    const scaled = this.#table.map((value) => value * spread + offset);
    const data = new Float32Array(length);
    const start = (this.#count * 7919) % scaled.length;
    for (let at = 0, from = start; at < length; at += scaled.length - from, from = 0) {
      data.set(scaled.subarray(from, from + Math.min(length - at, scaled.length - from)), at);
    }
    return data;
  }

  /** Random weights of the given spread. */
  weights(dims: readonly number[], spread: number, offset = 0): string {
    return this.floats(dims, this.#values(dims, spread, offset));
  }

  floats(dims: readonly number[], values: Float32Array): string {
    if (this.precision !== 'fp16')
      return this.#tensor(dims, FLOAT, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const halves = Uint16Array.from(values, numberToHalf);
    return this.#tensor(dims, FLOAT16, new Uint8Array(halves.buffer));
  }

  /** x [.., from] times random weights [from, to], in the graph's precision. */
  multiply(x: string, from: number, to: number, spread: number): string {
    if (this.precision !== 'int8') return this.node('MatMul', [x, this.weights([from, to], spread)]);
    const values = this.#values([from, to], spread, 0);
    // The weights are sums of four uniform numbers: within twice the spread.
    const scale = (2 * spread) / 127;
    const codes = Int8Array.from(values, (value) => Math.round(value / scale));
    const weights = this.#tensor([from, to], INT8, new Uint8Array(codes.buffer));
    const [quantized, factor, zero] = ['q', 'scale', 'zero'].map((stem) => this.#name(stem));
    this.#nodes.push(
      message(1, [
        ...text(1, x),
        ...[quantized, factor, zero].flatMap((name) => text(2, name ?? '')),
        ...text(4, 'DynamicQuantizeLinear'),
      ]),
    );
    const sums = this.node('MatMulInteger', [quantized ?? '', weights, zero ?? '']);
    const steps = this.node('Mul', [factor ?? '', this.floats([1], Float32Array.of(scale))]);
    return this.node('Mul', [this.node('Cast', [sums], { to: FLOAT }), steps]);
  }

  integers(values: readonly number[], scalar = false): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#tensor(scalar ? [] : [values.length], INT64, new Uint8Array(data.buffer));
  }

  node(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const name = this.#name('t');
    this.#nodes.push(
      message(1, [
        ...inputs.flatMap((input) => text(1, input)),
        ...text(2, name),
        ...text(4, type),
        ...Object.entries(attributes).flatMap(([key, value]) => message(5, attribute(key, value))),
      ]),
    );
    return name;
  }

  async write(file: string): Promise<void> {
    const graph = [
      ...this.#nodes.flat(),
      ...text(2, 'bench'),
      ...this.#weights.flat(),
      ...this.#inputs.flat(),
      ...this.#outputs.flat(),
    ];
    const opset = message(8, [...text(1, ''), ...int(2, 17)]);
    const handle = await open(file, 'w');
    try {
      for (const part of [...int(1, 8), ...text(2, 'diptych bench'), ...opset, ...message(7, graph)]) {
        await handle.write(part);
      }
    } finally {
      await handle.close();
    }
  }
}

function valueInfo(name: string, type: number, shape: readonly Dimension[]): Part[] {
  const dims = shape.flatMap((dim) => message(1, typeof dim === 'number' ? int(1, dim) : text(2, dim)));
  return [...text(1, name), ...message(2, message(1, [...int(1, type), ...message(2, dims)]))];
}
