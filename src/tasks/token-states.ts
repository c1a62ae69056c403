import { DiptychError } from '../errors.js';
import type { GraphPlan } from '../models/card.js';
import { isObject } from '../models/json.js';
import type { ImageTower } from '../pipeline/images.js';
import type { TextTower } from '../pipeline/texts.js';

/**
 * Which states of a tower: after its last layer (Stable Diffusion 1), before it (`hidden_states[-2]`, where the
 * graph gives it: Stable Diffusion XL), or the pooled vector before the projection.
 */
export type StatesLayer = 'last' | 'penultimate' | 'pooled';

const LAYERS: readonly StatesLayer[] = ['last', 'penultimate', 'pooled'];

/** The layer, and the options that every embedding takes. Throws BAD_OPTION for a layer that does not exist. */
export function splitStatesOptions<T extends { readonly layer?: StatesLayer }>(
  options: T | undefined,
): { layer: StatesLayer; rest: Omit<T, 'layer'> | undefined } {
  // Anything else than an object is told by the parser of the other options.
  if (!isObject(options)) return { layer: 'last', rest: options };
  const { layer = 'last', ...rest } = options;
  if (LAYERS.includes(layer)) return { layer, rest };
  throw new DiptychError('BAD_OPTION', `expected ${LAYERS.join(', ')}, got ${JSON.stringify(layer)}`, {
    input: 'layer',
  });
}

function outputOf(graph: GraphPlan, layer: StatesLayer): string {
  const pooled = graph.pooled ?? (graph.output === 'pooler_output' ? graph.output : null);
  const output = layer === 'pooled' ? pooled : graph.hidden[layer];
  if (output !== null) return output;
  const there = [
    ...(graph.hidden.last === null ? [] : ['last']),
    ...(graph.hidden.penultimate === null ? [] : ['penultimate']),
    ...(pooled === null ? [] : ['pooled']),
  ];
  throw new DiptychError(
    'MODEL_UNSUPPORTED',
    `the graph gives no ${layer} states (${there.length === 0 ? 'none at all' : `only ${there.join(', ')}`}); export it with them`,
    { input: graph.file },
  );
}

/**
 * The text tower, set to give token states [rows, tokens, width]: every text padded to the whole context, as the
 * states of the padding are read too. Not normalised. Throws MODEL_UNSUPPORTED.
 */
export function textStatesTower(tower: TextTower, layer: StatesLayer): TextTower {
  return {
    ...tower,
    graph: { ...tower.graph, output: outputOf(tower.graph, layer) },
    plan: { ...tower.plan, padTo: 'context', bucketable: false },
    // Chunks of a long text have no common token states.
    longText: tower.longText === 'pool' ? 'truncate' : tower.longText,
    normalize: false,
  };
}

/** The image tower, set to give patch (and class) token states [rows, tokens, width]. Throws MODEL_UNSUPPORTED. */
export function imageStatesTower(tower: ImageTower, layer: StatesLayer): ImageTower {
  return { ...tower, graph: { ...tower.graph, output: outputOf(tower.graph, layer) }, normalize: false };
}
