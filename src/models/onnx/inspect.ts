import type { GraphNode, OnnxHeader } from './header.js';

/** Steps between a norm and the division by it: casts, clamps (eps), broadcasts. */
const PASS = new Set([
  'Cast',
  'Identity',
  'Expand',
  'Clip',
  'Max',
  'Add',
  'Sqrt',
  'Unsqueeze',
  'Reshape',
  'Pow',
]);
const NORMS = new Set(['ReduceL2', 'ReduceSum', 'ReduceSumSquare', 'LpNormalization']);

/** Which node writes a name. */
export function producers(header: OnnxHeader): Map<string, GraphNode> {
  const map = new Map<string, GraphNode>();
  for (const node of header.nodes) for (const output of node.outputs) map.set(output, node);
  return map;
}

/** Whether the graph itself divides this output by its L2 norm. */
export function isNormalized(header: OnnxHeader, output: string): boolean {
  const by = producers(header);
  let node = by.get(output);
  for (let step = 0; step < 6 && node !== undefined; step++) {
    if (node.op === 'LpNormalization') return true;
    if (node.op === 'Div' || node.op === 'Mul') {
      const numerator = node.inputs[0] ?? '';
      const divisor = node.inputs[1] ?? '';
      return leadsToNorm(by, divisor, 6) || (node.op === 'Mul' && leadsToNorm(by, numerator, 6));
    }
    if (!['Cast', 'Identity', 'Squeeze', 'Reshape', 'Flatten'].includes(node.op)) return false;
    node = by.get(node.inputs[0] ?? '');
  }
  return false;
}

function leadsToNorm(by: ReadonlyMap<string, GraphNode>, name: string, steps: number): boolean {
  const node = by.get(name);
  if (node === undefined || steps === 0) return false;
  if (NORMS.has(node.op)) return true;
  if (!PASS.has(node.op) && node.op !== 'Reciprocal' && node.op !== 'Div') return false;
  return node.inputs.some((input) => leadsToNorm(by, input, steps - 1));
}

/** x * sigmoid(1.702 x), the Gaussian error function, its tanh form, or none found. */
export type GeluKind = 'quick_gelu' | 'gelu' | 'gelu_tanh' | null;

/**
 * Which activation the graph computes. QuickGELU is told by a sigmoid of a product with 1.702 (OpenAI's
 * weights need it); a graph that has none of the three (a convolution tower) gives null.
 */
export function geluKind(header: OnnxHeader): GeluKind {
  const by = producers(header);
  let found: GeluKind = null;
  for (const node of header.nodes) {
    if (node.op === 'QuickGelu') return 'quick_gelu';
    if (node.op === 'Sigmoid' && isQuickSigmoid(by, header, node)) return 'quick_gelu';
    if (node.op === 'Erf' || node.op === 'Gelu' || node.op === 'BiasGelu') found ??= 'gelu';
    if (node.op === 'FastGelu') found ??= 'gelu_tanh';
    if (node.op === 'Tanh' && isTanhGelu(by, header, node)) found ??= 'gelu_tanh';
  }
  return found;
}

/** Whether this sigmoid is QuickGELU's: of a product with 1.702. */
export function isQuickSigmoid(
  by: ReadonlyMap<string, GraphNode>,
  header: OnnxHeader,
  sigmoid: GraphNode,
): boolean {
  const source = by.get(sigmoid.inputs[0] ?? '');
  return source?.op === 'Mul' && source.inputs.some((name) => near(header.scalars.get(name), 1.702));
}

/** tanh(sqrt(2 / pi) * (...)): the constant tells it from a pooler's tanh. */
function isTanhGelu(by: ReadonlyMap<string, GraphNode>, header: OnnxHeader, tanh: GraphNode): boolean {
  const source = by.get(tanh.inputs[0] ?? '');
  return source?.op === 'Mul' && source.inputs.some((name) => near(header.scalars.get(name), 0.7978845));
}

/** float16 keeps 11 bits: half a step at 1.7 is 0.0005. */
function near(value: number | undefined, target: number): boolean {
  return value !== undefined && Math.abs(value - target) < 1e-3;
}

/**
 * Whether the graph rounds activations to 8 bits, and by what: a range found in each tensor as it runs (dynamic), which
 * takes in every row of the batch and all padding, or one fixed when it was made (static). Weights alone do not count.
 */
export function activationRounding(header: OnnxHeader): 'dynamic' | 'static' | null {
  const ops = header.nodes.map(({ op }) => op);
  if (ops.some((op) => op.startsWith('DynamicQuantize'))) return 'dynamic';
  return ops.some((op) => op === 'QuantizeLinear' || op.startsWith('QLinear')) ? 'static' : null;
}

/** Rows of the token embedding that the ids select from, or null where it cannot be told. */
export function vocabularySize(header: OnnxHeader, ids: string): number | null {
  const aliases = new Set([ids]);
  for (const node of header.nodes) {
    const first = node.inputs[0] ?? '';
    if (['Cast', 'Identity', 'Reshape', 'Flatten', 'Clip'].includes(node.op) && aliases.has(first)) {
      for (const output of node.outputs) aliases.add(output);
    }
    if (node.op !== 'Gather' || !aliases.has(node.inputs[1] ?? '')) continue;
    return tableRows(header, first);
  }
  return null;
}

function tableRows(header: OnnxHeader, name: string): number | null {
  const shape = header.shapes.get(name);
  if (shape !== undefined) return shape.length === 2 ? (shape[0] ?? null) : null;
  const source = producers(header).get(name);
  const through = source !== undefined && ['Cast', 'DequantizeLinear', 'Identity'].includes(source.op);
  return through ? tableRows(header, source.inputs[0] ?? '') : null;
}

export interface ScaleAndBias {
  readonly scale: number;
  readonly bias: number | null;
}

/**
 * The trained logit scale of a combined graph: the number by which the product of the embeddings is multiplied
 * (or divided: ALIGN's temperature) on its way to `logits_per_image`, and the bias added to it.
 */
export function logitScaleOf(header: OnnxHeader): ScaleAndBias | null {
  const by = producers(header);
  let name = header.outputs.find((value) => value.name.startsWith('logits_per_'))?.name;
  let bias: number | null = null;
  for (let step = 0; step < 12 && name !== undefined; step++) {
    const node: GraphNode | undefined = by.get(name);
    if (node === undefined) return null;
    const [left = '', right = ''] = node.inputs;
    const constant = scalarOf(header, by, left) ?? scalarOf(header, by, right);
    const rest = scalarOf(header, by, left) === null ? left : right;
    if (node.op === 'Mul' && constant !== null) return { scale: constant, bias };
    if (node.op === 'Div' && constant !== null) return { scale: 1 / constant, bias };
    if (node.op === 'Add' && constant !== null) bias = constant;
    else if (!['Transpose', 'Cast', 'Identity', 'Reshape'].includes(node.op)) return null;
    name = rest;
  }
  return null;
}

/** The value of a constant scalar, through casts and an exponential. */
function scalarOf(header: OnnxHeader, by: ReadonlyMap<string, GraphNode>, name: string): number | null {
  const known = header.scalars.get(name);
  if (known !== undefined) return known;
  const node = by.get(name);
  if (node === undefined || !['Exp', 'Cast', 'Identity', 'Unsqueeze', 'Reshape'].includes(node.op))
    return null;
  const inner = scalarOf(header, by, node.inputs[0] ?? '');
  return inner === null ? null : node.op === 'Exp' ? Math.exp(inner) : inner;
}

/** Operators that keep the last dimension of their first input. */
const SAME_WIDTH = new Set([
  'Div',
  'Cast',
  'Identity',
  'Squeeze',
  'Mul',
  'LpNormalization',
  'Gather',
  'Slice',
]);

/**
 * Size of an output's last dimension from the weights behind it, where its shape does not tell: exporters leave
 * it free when the graph normalises. Null where nothing tells.
 */
export function widthOf(header: OnnxHeader, output: string): number | null {
  const by = producers(header);
  const shapeOf = (name: string): readonly number[] | undefined => {
    const shape = header.shapes.get(name);
    const source = by.get(name);
    return shape ?? (source?.op === 'Cast' ? shapeOf(source.inputs[0] ?? '') : undefined);
  };
  let name = output;
  for (let step = 0; step < 8; step++) {
    const node = by.get(name);
    if (node === undefined) return null;
    const [first = '', second = '', third = ''] = node.inputs;
    if (node.op === 'MatMul') return shapeOf(second)?.at(-1) ?? null;
    if (node.op === 'Gemm') return shapeOf(third)?.at(-1) ?? null;
    if (node.op === 'LayerNormalization') return shapeOf(second)?.at(-1) ?? null;
    if (node.op === 'Add') {
      const bias = shapeOf(first) ?? shapeOf(second);
      if (bias?.length === 1) return bias[0] ?? null;
      return null;
    }
    if (!SAME_WIDTH.has(node.op)) return null;
    name = first;
  }
  return null;
}
