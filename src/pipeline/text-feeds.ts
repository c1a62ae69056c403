import { DiptychError } from '../errors.js';
import type { GraphPlan, TextPlan } from '../models/card.js';
import type { HostTensor } from '../session/host.js';

/** The tokens of one sequence: the first `length` of `ids`; what follows is padding. */
export interface TokenRow {
  readonly ids: ArrayLike<number>;
  readonly length: number;
}

/**
 * Length that a batch is padded to: the context where the tower needs it, else as short as its longest text allows,
 * in steps of `step`.
 */
export function paddedLength(graph: GraphPlan, plan: TextPlan, longest: number, step: number): number {
  if (graph.fixedLength !== null) return graph.fixedLength;
  if (plan.padTo === 'context' && !plan.bucketable) return plan.contextLength;
  return Math.min(plan.contextLength, Math.ceil(longest / step) * step);
}

/**
 * A tensor [rows, length] of small whole numbers that are not negative. For int64 only the low half of each number is
 * written (ONNX Runtime runs on little-endian machines only): a BigInt a token is what the garbage collector would
 * otherwise stop the event loop for.
 */
function fill(
  rows: readonly TokenRow[],
  length: number,
  type: 'int64' | 'int32',
  value: (row: TokenRow, at: number) => number,
): HostTensor {
  const count = rows.length * length;
  const step = type === 'int64' ? 2 : 1;
  const words = new Int32Array(count * step);
  let to = 0;
  for (const row of rows) {
    for (let at = 0; at < length; at++, to += step) words[to] = value(row, at);
  }
  const dims = [rows.length, length];
  return type === 'int32'
    ? { type, data: words, dims }
    : { type, data: new BigInt64Array(words.buffer, 0, count), dims };
}

/** The graph's inputs for a batch of sequences. Throws MODEL_INVALID for a graph without token ids. */
export function textFeeds(
  graph: GraphPlan,
  plan: TextPlan,
  rows: readonly TokenRow[],
  length: number,
): Record<string, HostTensor> {
  const { ids, mask, tokenTypes, positions } = graph.inputs;
  if (ids === undefined)
    throw new DiptychError('MODEL_INVALID', 'the text graph has no input for token ids', {
      input: graph.file,
    });
  const { padId } = plan;
  const feeds: Record<string, HostTensor> = {
    [ids.name]: fill(rows, length, ids.type, (row, at) => (at < row.length ? (row.ids[at] ?? padId) : padId)),
  };
  if (mask !== undefined)
    feeds[mask.name] = fill(rows, length, mask.type, (row, at) => (at < row.length ? 1 : 0));
  if (tokenTypes !== undefined) feeds[tokenTypes.name] = fill(rows, length, tokenTypes.type, () => 0);
  if (positions !== undefined) feeds[positions.name] = fill(rows, length, positions.type, (_, at) => at);
  return feeds;
}
