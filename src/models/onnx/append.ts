import { DiptychError } from '../../errors.js';

/**
 * Adds nodes behind an output of an ONNX graph without parsing all of it. Concatenated protobuf messages merge: lists
 * grow and inner messages join, so a second ModelProto with the new nodes and weights is put behind the first. Only the
 * names of the old output have to change, in place, to others of the same length.
 */

/** Field numbers of onnx.proto. */
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_INITIALIZER = 5;
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const number = (field: number, value: number): Uint8Array =>
  Uint8Array.from([...varint(field * 8), ...varint(value)]);

function message(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(length)]), ...parts]);
}

const text = (field: number, value: string): Uint8Array => message(field, Buffer.from(value));

/** A node: inputs, outputs, operator, and whole-number attributes. */
export function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>> = {},
): Uint8Array {
  const INT = 2;
  // Negative numbers would need ten bytes; axes are given from the front.
  const own = Object.entries(attributes).map(([name, value]) =>
    message(5, text(1, name), number(3, value), number(20, INT)),
  );
  return message(
    GRAPH_NODE,
    ...inputs.map((name) => text(NODE_INPUT, name)),
    text(NODE_OUTPUT, output),
    text(4, operator),
    ...own,
  );
}

/** A float32 weight. */
export function weight(name: string, dims: readonly number[], data: Float32Array): Uint8Array {
  const FLOAT = 1;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(
    GRAPH_INITIALIZER,
    ...dims.map((dim) => number(1, dim)),
    number(2, FLOAT),
    text(8, name),
    message(9, bytes),
  );
}

interface Field {
  readonly number: number;
  /** Where its content lies; numbers have none. */
  readonly from: number;
  readonly to: number;
}

function* fields(bytes: Uint8Array, from: number, to: number, file: string): Generator<Field, void> {
  let at = from;
  const read = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 2 ** 63)
        throw new DiptychError('MODEL_INVALID', 'is no ONNX graph', { input: file });
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const tag = read();
    const kind = tag & 7;
    if (kind === 2) {
      const length = read();
      yield { number: Math.floor(tag / 8), from: at, to: at + length };
      at += length;
    } else if (kind === 0) read();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else throw new DiptychError('MODEL_INVALID', 'is no ONNX graph', { input: file });
  }
}

/** The text fields of every node: inputs and outputs, in file order. */
function* nodeNames(bytes: Uint8Array, file: string): Generator<Field, void> {
  for (const model of fields(bytes, 0, bytes.length, file)) {
    if (model.number !== MODEL_GRAPH) continue;
    for (const inner of fields(bytes, model.from, model.to, file)) {
      if (inner.number !== GRAPH_NODE) continue;
      for (const part of fields(bytes, inner.from, inner.to, file)) {
        if (part.number === NODE_INPUT || part.number === NODE_OUTPUT) yield part;
      }
    }
  }
}

/** The graph with more nodes and weights. */
export const withTail = (graph: Uint8Array, tail: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([graph, message(MODEL_GRAPH, ...tail)]);

/** A copy in which the nodes that write these names write others, so that new nodes can write them. */
export function renameOutputs(graph: Uint8Array, names: ReadonlySet<string>, file: string): Uint8Array {
  const bytes = Uint8Array.from(graph);
  for (const { number: kind, from, to } of nodeNames(bytes, file)) {
    if (kind !== NODE_OUTPUT || from === to) continue;
    if (names.has(Buffer.from(bytes.subarray(from, to)).toString())) bytes[from] = '~'.charCodeAt(0);
  }
  return bytes;
}

/**
 * The graph with `tail` behind its output `name`: `tail` gets the name under which the old output goes on and must give
 * nodes and weights of which one node writes `name`. Throws MODEL_INVALID.
 */
export function appendToGraph(
  graph: Uint8Array,
  name: string,
  tail: (before: string) => readonly Uint8Array[],
  file: string,
): Uint8Array {
  const bytes = Uint8Array.from(graph);
  const old = Buffer.from(name);
  // The same length, and a name that no exporter chooses.
  const before = `~${name.slice(1)}`;
  let written = 0;
  for (const { number: kind, from, to } of nodeNames(bytes, file)) {
    if (!old.equals(bytes.subarray(from, to))) continue;
    bytes[from] = '~'.charCodeAt(0);
    if (kind === NODE_OUTPUT) written++;
  }
  if (written !== 1 || name.length === 0 || Buffer.byteLength(before) !== old.length) {
    throw new DiptychError('MODEL_INVALID', `no single node writes the output ${JSON.stringify(name)}`, {
      input: file,
    });
  }
  return withTail(bytes, tail(before));
}
