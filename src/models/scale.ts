import { DiptychError } from '../errors.js';
import type { DescribeOptions, ModelDescription } from './card.js';
import type { Configs } from './configs.js';
import { asNumber, at } from './json.js';
import type { OnnxHeader } from './onnx/header.js';
import { logitScaleOf } from './onnx/inspect.js';
import type { RegistryCard } from './registry.js';

type Scale = Pick<ModelDescription, 'logitScale' | 'logitBias' | 'logitScaleSource'>;

/**
 * Trained scale and bias: the registry's card, then the caller's option, then the folder (diptych_card.json,
 * the arithmetic of a combined graph, explicit values in config.json, what the family fixes). The
 * `logit_scale_init_value` of Hugging Face is where training began, not where it ended: it is not taken.
 * Throws BAD_OPTION for a scale that is not a positive number.
 */
export function settleScale(
  card: RegistryCard | null,
  options: DescribeOptions,
  configs: Configs,
  combined: OnnxHeader | null,
): Scale {
  if (options.logitScale !== undefined && !(options.logitScale > 0 && Number.isFinite(options.logitScale))) {
    throw new DiptychError('BAD_OPTION', `expected a positive number, got ${String(options.logitScale)}`, {
      input: '--logit-scale',
    });
  }
  const bias = options.logitBias ?? null;
  if (card !== null && card.logitScale !== null) {
    return {
      logitScale: card.logitScale,
      logitBias: card.logitBias ?? bias,
      logitScaleSource: 'registry card',
    };
  }
  const folder = folderScale(configs, combined);
  if (options.logitScale !== undefined) {
    return {
      logitScale: options.logitScale,
      logitBias: bias ?? folder?.logitBias ?? null,
      logitScaleSource: '--logit-scale',
    };
  }
  return folder ?? { logitScale: null, logitBias: bias, logitScaleSource: null };
}

function folderScale(configs: Configs, combined: OnnxHeader | null): Scale | null {
  const own = asNumber(configs.card['logitScale']);
  if (own !== undefined) {
    return {
      logitScale: own,
      logitBias: asNumber(configs.card['logitBias']) ?? null,
      logitScaleSource: 'diptych_card.json',
    };
  }
  const graph = combined === null ? null : logitScaleOf(combined);
  if (graph !== null) {
    return { logitScale: graph.scale, logitBias: graph.bias, logitScaleSource: combined?.file ?? null };
  }
  const scale = asNumber(at(configs.model, 'logit_scale'));
  if (scale !== undefined) {
    // Checkpoints keep the logarithm; a factor below 10 would be a temperature of 0.1, which nobody trains.
    const factor = scale < 10 ? Math.exp(scale) : scale;
    return {
      logitScale: factor,
      logitBias: asNumber(at(configs.model, 'logit_bias')) ?? null,
      logitScaleSource: configs.modelFile,
    };
  }
  const fixed = configs.family.logitScale;
  return fixed === null
    ? null
    : { logitScale: fixed, logitBias: null, logitScaleSource: `${configs.family.family} family` };
}
