import type { ModelDescription } from './card.js';
import type { Configs } from './configs.js';
import type { ChosenGraphs, OpenGraph } from './describe.js';
import { DiptychError } from '../errors.js';
import { outputDim } from './graph-plan.js';
import { asBoolean, asString, at } from './json.js';
import { geluKind } from './onnx/inspect.js';

/**
 * Contradictions between the parts of a folder: towers of different dimension are an error, a configuration
 * that says otherwise than the graph (dimension, activation) a warning with both values.
 */
export function checkModel(
  description: ModelDescription,
  graphs: ChosenGraphs,
  configs: Configs,
  warnings: string[],
): void {
  const { image, text } = description;
  const imageDim =
    graphs.image === null || image?.graph.embeds !== true
      ? null
      : outputDim(graphs.image.header, image.graph.output);
  const textDim =
    graphs.text === null || text?.graph.embeds !== true
      ? null
      : outputDim(graphs.text.header, text.graph.output);
  if (imageDim !== null && textDim !== null && imageDim !== textDim) {
    throw new DiptychError(
      'MODEL_INVALID',
      `embeds pictures in ${String(imageDim)} dimensions, but ${text?.graph.file ?? ''} embeds texts in ${String(textDim)}: they are of different models`,
      { input: image?.graph.file ?? description.folder },
    );
  }
  const graphDim = imageDim ?? textDim;
  if (
    graphDim !== null &&
    configs.embeddingDim !== null &&
    graphDim !== configs.embeddingDim &&
    !isPlainText(description)
  ) {
    warnings.push(
      `${configs.modelFile ?? 'the configuration'} says embeddings of ${String(configs.embeddingDim)} dimensions, the graph gives ${String(graphDim)}: using ${String(graphDim)}`,
    );
  }
  if (graphs.image !== null)
    compareActivation(sidesOf(graphs.image, graphs), graphs.image, configs, warnings);
  if (graphs.text !== null && graphs.text.header !== graphs.image?.header) {
    compareActivation(['text'], graphs.text, configs, warnings);
  }
}

/** A text encoder without its projection gives hidden states, whose width is not the projection's. */
function isPlainText(description: ModelDescription): boolean {
  return description.image === null && description.layout === 'diffusers';
}

function sidesOf(graph: OpenGraph, graphs: ChosenGraphs): readonly ('vision' | 'text')[] {
  return graph.header === graphs.text?.header ? ['vision', 'text'] : ['vision'];
}

/** OpenAI's weights need QuickGELU; with the other activation they still run, and give other numbers. */
function compareActivation(
  sides: readonly ('vision' | 'text')[],
  graph: OpenGraph,
  configs: Configs,
  warnings: string[],
): void {
  const found = geluKind(graph.header);
  const said = sides.map((side) => saidActivation(side, configs)).filter((value) => value !== null);
  // A combined graph holds both towers, and one of them may be QuickGELU's.
  if (found === null || said.length < sides.length) return;
  if (said.some((value) => (value === 'quick_gelu') === (found === 'quick_gelu'))) return;
  warnings.push(
    `${configs.modelFile ?? 'the configuration'} says ${said.join(' and ')}, but ${graph.header.file} computes ${found}: ` +
      'one of them is wrong, and the embeddings with it (export again with the right configuration)',
  );
}

function saidActivation(side: 'vision' | 'text', configs: Configs): string | null {
  if (configs.openClip) {
    const timm =
      side === 'vision' && asString(at(configs.model, 'vision_cfg', 'timm_model_name')) !== undefined;
    const hub = side === 'text' && asString(at(configs.model, 'text_cfg', 'hf_model_name')) !== undefined;
    if (timm || hub) return null;
    return asBoolean(configs.model['quick_gelu']) === true ? 'quick_gelu' : 'gelu';
  }
  const part = at(configs.model, `${side}_config`) ?? (side === 'text' ? configs.model : undefined);
  const said = asString(at(part, 'hidden_act'));
  return said === 'quick_gelu' || said?.startsWith('gelu') === true ? said : null;
}
