import { node, renameOutputs, weight, withTail } from './append.js';
import type { GraphNode, OnnxHeader } from './header.js';
import { isQuickSigmoid, producers } from './inspect.js';

/** The factor of QuickGELU, x * sigmoid(1.702 x). */
const QUICK = 1.702;

const scalar = (name: string, value: number): Uint8Array => weight(name, [], Float32Array.of(value));

/**
 * The nodes that write what `old` wrote, with the other activation. Both forms keep the multiplication by x that
 * follows, since sigmoid(1.702 x) stands where (1 + erf(x / sqrt 2)) / 2 would, and the error function of d where
 * 2 sigmoid(1.702 sqrt(2) d) - 1 = tanh(0.851 sqrt(2) d) would.
 */
function other(old: GraphNode, at: number): Uint8Array[] {
  const [from = ''] = old.inputs;
  const [to = ''] = old.outputs;
  const name = (part: string): string => `diptych_activation_${String(at)}_${part}`;
  if (old.op === 'Sigmoid') {
    return [
      scalar(name('factor'), 1 / (QUICK * Math.SQRT2)),
      scalar(name('one'), 1),
      scalar(name('half'), 0.5),
      node('Mul', [from, name('factor')], name('scaled')),
      node('Erf', [name('scaled')], name('erf')),
      node('Add', [name('erf'), name('one')], name('sum')),
      node('Mul', [name('sum'), name('half')], to),
    ];
  }
  const gelu = old.op === 'Gelu';
  return [
    scalar(name('factor'), gelu ? QUICK : (QUICK / 2) * Math.SQRT2),
    node('Mul', [from, name('factor')], name('scaled')),
    ...(gelu
      ? [node('Sigmoid', [name('scaled')], name('gate')), node('Mul', [from, name('gate')], to)]
      : [node('Tanh', [name('scaled')], to)]),
  ];
}

/**
 * The graph with GELU for QuickGELU, or the other way round: to find out which of the two numbers were made with.
 * Null where it computes neither (a convolution tower, the tanh form, a fused operator).
 */
export function swapActivation(graph: Uint8Array, header: OnnxHeader): Uint8Array | null {
  const by = producers(header);
  const quick = header.nodes.filter((one) => one.op === 'Sigmoid' && isQuickSigmoid(by, header, one));
  const found = quick.length > 0 ? quick : header.nodes.filter(({ op }) => op === 'Erf' || op === 'Gelu');
  if (found.length === 0) return null;
  const renamed = renameOutputs(graph, new Set(found.flatMap(({ outputs }) => outputs)), header.file);
  return withTail(renamed, found.flatMap(other));
}
