import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DiptychError } from '../../errors.js';
import { WireFile, type Field } from './wire.js';

/** Element types of ONNX tensors by their number in TensorProto.DataType. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  16: 'bfloat16',
};

/** An input or output of a graph; a dimension is its size, or its name where it is free. */
export interface ValueInfo {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly (number | string)[];
}

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What can be told of an ONNX file without its weights. */
export interface OnnxHeader {
  readonly file: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly GraphNode[];
  /** Values of the one-element constants and initialisers, by name. */
  readonly scalars: ReadonlyMap<string, number>;
  /** Sizes of the initialisers, by name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Files beside the model that hold its weights. */
  readonly external: readonly string[];
}

/**
 * Reads inputs, outputs and node names of an ONNX file, skipping the weights.
 * Throws MODEL_INVALID for a missing, empty, cut or foreign file and for missing or short external data.
 * Source of the field numbers: onnx.proto3 of the ONNX specification.
 */
export function readOnnxHeader(file: string): OnnxHeader {
  if (!existsSync(file)) throw invalid(file, 'the ONNX file is missing; fetch it or choose another --dtype');
  const wire = new WireFile(file);
  try {
    if (wire.size === 0) throw invalid(file, 'the ONNX file has 0 bytes; fetch it again');
    return readModel(file, wire);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const start = wire.size > 0 ? wire.bytes(0, Math.min(64, wire.size)).toString('latin1') : '';
    if (start.startsWith('version https://git-lfs')) {
      throw invalid(
        file,
        'this is a Git LFS pointer, not the weights; run "git lfs pull" or download the file',
      );
    }
    throw invalid(
      file,
      `not a whole ONNX file (${error.message}; it has ${String(wire.size)} bytes); fetch it again`,
    );
  } finally {
    wire.close();
  }
}

function invalid(input: string, message: string): DiptychError {
  return new DiptychError('MODEL_INVALID', message, { input });
}

interface Build {
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly nodes: GraphNode[];
  readonly scalars: Map<string, number>;
  readonly initializers: Map<string, readonly number[]>;
  readonly external: Map<string, number>;
}

function readModel(file: string, wire: WireFile): OnnxHeader {
  const build: Build = {
    inputs: [],
    outputs: [],
    nodes: [],
    scalars: new Map(),
    initializers: new Map(),
    external: new Map(),
  };
  let graphs = 0;
  let opsets = 0;
  for (const field of wire.fields(0, wire.size)) {
    if (field.number === 8) opsets++;
    if (field.number !== 7 || field.wire !== 2) continue;
    graphs++;
    readGraph(wire, field, build);
  }
  // Writers put the operator sets last: a file that is cut between two fields lacks them.
  if (graphs > 0 && opsets === 0) throw new RangeError('its operator sets are missing');
  if (graphs === 0 || build.outputs.length === 0) {
    throw invalid(file, 'holds no ONNX graph with outputs; export the model again');
  }
  checkExternal(file, build.external);
  return {
    file,
    // ONNX below IR 4 lists every initialiser as an input too: those are not fed.
    inputs: build.inputs.filter((input) => !build.initializers.has(input.name)),
    outputs: build.outputs,
    nodes: build.nodes,
    scalars: build.scalars,
    shapes: build.initializers,
    external: [...build.external.keys()].map((name) => join(dirname(file), name)),
  };
}

function readGraph(wire: WireFile, graph: Field, build: Build): void {
  for (const field of wire.fields(graph.start, graph.end)) {
    if (field.number === 1) readNode(wire, field, build);
    else if (field.number === 5) readTensor(wire, field, build);
    else if (field.number === 11) build.inputs.push(readValueInfo(wire, field));
    else if (field.number === 12) build.outputs.push(readValueInfo(wire, field));
  }
}

function readNode(wire: WireFile, node: Field, build: Build): void {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Field[] = [];
  let op = '';
  for (const field of wire.fields(node.start, node.end)) {
    if (field.number === 1) inputs.push(wire.text(field));
    else if (field.number === 2) outputs.push(wire.text(field));
    else if (field.number === 4) op = wire.text(field);
    else if (field.number === 5) attributes.push(field);
  }
  const name = outputs[0];
  if (op === 'Constant' && name !== undefined) {
    for (const attribute of attributes) {
      for (const field of wire.fields(attribute.start, attribute.end)) {
        if (field.number === 5) readTensor(wire, field, build, name);
        else if (field.number === 2) build.scalars.set(name, wire.bytes(field.start, 4).readFloatLE(0));
      }
    }
    return;
  }
  build.nodes.push({ op, inputs, outputs });
}

function readTensor(wire: WireFile, tensor: Field, build: Build, constant?: string): void {
  let name = constant ?? '';
  let type = 0;
  const dims: number[] = [];
  let raw: Field | undefined;
  let external = false;
  const entries = new Map<string, string>();
  for (const field of wire.fields(tensor.start, tensor.end)) {
    if (field.number === 1) dims.push(...(field.wire === 0 ? [field.value] : wire.varints(field)));
    else if (field.number === 2) type = field.value;
    else if (field.number === 8 && constant === undefined) name = wire.text(field);
    else if (field.number === 4 || field.number === 9) raw = field;
    else if (field.number === 13) {
      const entry = readEntry(wire, field);
      entries.set(entry.key, entry.value);
    } else if (field.number === 14) external = field.value === 1;
  }
  if (constant === undefined) build.initializers.set(name, dims);
  const location = entries.get('location');
  if (external && location !== undefined) {
    const end = Number(entries.get('offset') ?? 0) + Number(entries.get('length') ?? 0);
    build.external.set(location, Math.max(end, build.external.get(location) ?? 0));
  } else if (dims.every((dim) => dim === 1) && raw !== undefined) {
    const scalar = readScalar(wire.bytes(raw.start, raw.end - raw.start), type);
    if (scalar !== undefined) build.scalars.set(name, scalar);
  }
}

function readScalar(bytes: Buffer, type: number): number | undefined {
  if (type === 1 && bytes.length === 4) return bytes.readFloatLE(0);
  if (type === 11 && bytes.length === 8) return bytes.readDoubleLE(0);
  if (type === 7 && bytes.length === 8) return Number(bytes.readBigInt64LE(0));
  if (type === 6 && bytes.length === 4) return bytes.readInt32LE(0);
  if (type !== 10 || bytes.length !== 2) return undefined;
  const half = bytes.readUInt16LE(0);
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half >= 0x8000 ? -size : size;
}

function readEntry(wire: WireFile, entry: Field): { key: string; value: string } {
  let key = '';
  let value = '';
  for (const field of wire.fields(entry.start, entry.end)) {
    if (field.number === 1) key = wire.text(field);
    else if (field.number === 2) value = wire.text(field);
  }
  return { key, value };
}

/** ValueInfoProto: name (1), type (2) -> tensor_type (1) -> elem_type (1), shape (2) -> dim (1). */
function readValueInfo(wire: WireFile, info: Field): ValueInfo {
  let name = '';
  let type = 'unknown';
  const dims: (number | string)[] = [];
  for (const field of wire.fields(info.start, info.end)) {
    if (field.number === 1) name = wire.text(field);
    if (field.number !== 2) continue;
    for (const kind of wire.fields(field.start, field.end)) {
      if (kind.number !== 1) continue;
      for (const part of wire.fields(kind.start, kind.end)) {
        if (part.number === 1) type = TYPES[part.value] ?? `type ${String(part.value)}`;
        if (part.number !== 2) continue;
        for (const dim of wire.fields(part.start, part.end)) dims.push(readDim(wire, dim));
      }
    }
  }
  return { name, type, dims };
}

function readDim(wire: WireFile, dim: Field): number | string {
  for (const field of wire.fields(dim.start, dim.end)) {
    if (field.number === 1) return field.value;
    if (field.number === 2) return wire.text(field);
  }
  return '?';
}

function checkExternal(file: string, external: ReadonlyMap<string, number>): void {
  for (const [name, needed] of external) {
    const path = join(dirname(file), name);
    if (!existsSync(path)) {
      throw invalid(
        path,
        `the weights of ${file} lie in this file, and it is missing; put it beside the model`,
      );
    }
    const { size } = statSync(path);
    if (size < needed) {
      throw invalid(path, `ends after ${String(size)} of ${String(needed)} bytes; fetch it again`);
    }
  }
}
