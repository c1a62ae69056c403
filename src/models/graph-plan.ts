import { DiptychError } from '../errors.js';
import type { FloatInput, GraphDtype, GraphInputs, GraphPlan, IdleInput, IntegerInput } from './card.js';
import type { OnnxHeader, ValueInfo } from './onnx/header.js';
import { activationRounding, isNormalized, widthOf } from './onnx/inspect.js';

export type Side = 'image' | 'text' | 'match' | 'decoder';

/** Names of embedding outputs, best first; the sole [batch, dim] output serves where none of them is there. */
const OUTPUTS: Readonly<Record<Side, readonly string[]>> = {
  image: [
    'image_embeds',
    'image_embeddings',
    'image_embedding',
    'image_features',
    'unnorm_image_features',
    'embedding',
    'embeddings',
    'pooler_output',
  ],
  text: [
    'text_embeds',
    'text_embeddings',
    'text_embedding',
    'text_features',
    'unnorm_text_features',
    'sentence_embedding',
    'embedding',
    'embeddings',
    'pooler_output',
  ],
  match: ['itm_logits', 'itm_score', 'logits'],
  decoder: ['logits'],
};

type Slot = keyof GraphInputs;

/** What an input is for, by its name, type and number of dimensions; null where it is none of ours. */
export function inputRole(input: ValueInfo): Slot | null {
  const name = input.name.toLowerCase();
  const floats = ['float32', 'float16'].includes(input.type);
  if (input.dims.length === 4 && (floats || input.type === 'uint8')) {
    return name.includes('past') || name.includes('key_value') ? null : 'pixels';
  }
  if (input.dims.length === 3 && floats) return 'encoderStates';
  if (input.dims.length !== 2 || !['int64', 'int32'].includes(input.type)) return null;
  if (/encoder.*mask/.test(name)) return 'encoderMask';
  if (name.includes('mask')) return 'mask';
  if (/type|segment/.test(name)) return 'tokenTypes';
  return name.includes('position') ? 'positions' : 'ids';
}

const USED: Readonly<Record<Side, readonly Slot[]>> = {
  image: ['pixels'],
  text: ['ids', 'mask', 'tokenTypes', 'positions'],
  match: ['ids', 'mask', 'tokenTypes', 'positions', 'encoderStates', 'encoderMask'],
  decoder: ['ids', 'mask', 'tokenTypes', 'positions', 'encoderStates', 'encoderMask'],
};

const FLOATS = new Set(['float32', 'float16', 'uint8']);
const IDLE_TYPES = new Set(['float32', 'float16', 'uint8', 'int64', 'int32', 'bool']);

/**
 * How to call a graph for one side of the model. `length` is the context length, for idle text inputs.
 * Throws MODEL_INVALID or MODEL_UNSUPPORTED naming the file when it lacks what the side needs.
 */
export function planGraph(header: OnnxHeader, side: Side, dtype: GraphDtype, length = 77): GraphPlan {
  const { inputs, idle } = planInputs(header, side, length);
  const embedding = chooseOutput(header, side);
  const hidden = planHidden(header, side);
  const output = embedding ?? header.outputs.find((value) => value.name === hidden.last);
  if (output === undefined) {
    throw new DiptychError(
      'MODEL_UNSUPPORTED',
      `has no output for ${side} embeddings (${listed(header.outputs)}); export the model with its projection`,
      { input: header.file },
    );
  }
  if (output.type !== 'float32' && output.type !== 'float16') {
    throw new DiptychError('MODEL_UNSUPPORTED', `output ${output.name} is ${output.type}, expected a float`, {
      input: header.file,
    });
  }
  const rounding = activationRounding(header);
  const batched = header.inputs.filter((input) => inputOf(inputs, input.name) !== undefined);
  return {
    file: header.file,
    dtype,
    inputs,
    idle,
    output: output.name,
    outputType: output.type,
    embeds: embedding !== undefined,
    vectors: output.dims.length === 3 ? sizeOf(output.dims[1]) : 1,
    normalized: isNormalized(header, output.name),
    // A range that is found over the batch would make each row's numbers depend on its neighbours.
    fixedBatch: fixed(batched.map((input) => input.dims[0])) ?? (rounding === 'dynamic' ? 1 : null),
    fixedLength:
      side === 'image' ? null : fixed(batched.filter((i) => i.dims.length === 2).map((i) => i.dims[1])),
    roundsActivations: rounding !== null,
    hidden,
    pooled: header.outputs.find((value) => value.name === 'pooler_output' && value !== output)?.name ?? null,
    external: header.external,
  };
}

/** The pixel input of an image graph, as [height, width] where both are fixed. */
export function pixelSize(header: OnnxHeader): readonly [number, number] | null {
  const input = header.inputs.find((value) => inputRole(value) === 'pixels');
  const channelsLast = input?.dims[3] === 3 && input.dims[1] !== 3;
  const height = input?.dims[channelsLast ? 1 : 2];
  const width = input?.dims[channelsLast ? 2 : 3];
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : null;
}

/** Size of the last dimension of an output, or null where it is free. */
export function outputDim(header: OnnxHeader, name: string): number | null {
  const dims = header.outputs.find((value) => value.name === name)?.dims ?? [];
  const last = dims[dims.length - 1];
  return typeof last === 'number' ? last : widthOf(header, name);
}

function inputOf(inputs: GraphInputs, name: string): FloatInput | IntegerInput | undefined {
  const all: readonly (FloatInput | IntegerInput)[] = Object.values(inputs);
  return all.find((input) => input.name === name);
}

function sizeOf(dim: number | string | undefined): number {
  // A free middle dimension: more than one vector, how many is told by the first run.
  return typeof dim === 'number' ? dim : 2;
}

function fixed(dims: readonly (number | string | undefined)[]): number | null {
  return dims.find((dim): dim is number => typeof dim === 'number' && dim > 0) ?? null;
}

function listed(values: readonly ValueInfo[]): string {
  return values.map((value) => `${value.name} [${value.dims.join(', ')}]`).join(', ');
}

function planInputs(
  header: OnnxHeader,
  side: Side,
  length: number,
): { inputs: GraphInputs; idle: IdleInput[] } {
  const inputs: { -readonly [K in Slot]?: ValueInfo } = {};
  const idle: IdleInput[] = [];
  const batchAxes = new Set(header.inputs.map((input) => input.dims[0]));
  for (const input of header.inputs) {
    const slot = inputRole(input);
    if (slot !== null && USED[side].includes(slot) && inputs[slot] === undefined) {
      inputs[slot] = input;
      continue;
    }
    if (isCache(input)) continue;
    if (slot === null || !IDLE_TYPES.has(input.type)) {
      throw new DiptychError(
        'MODEL_UNSUPPORTED',
        `input ${input.name} (${input.type}, [${input.dims.join(', ')}]) is of no kind that is known here`,
        { input: header.file },
      );
    }
    idle.push(idleInput(input, slot, batchAxes.size === 1, length));
  }
  const needed: Slot = side === 'image' ? 'pixels' : 'ids';
  if (inputs[needed] === undefined) {
    const what = side === 'image' ? 'pictures [batch, 3, height, width]' : 'token ids [batch, length]';
    throw new DiptychError(
      'MODEL_INVALID',
      `has no input for ${what}; its inputs are ${listed(header.inputs)}`,
      {
        input: header.file,
      },
    );
  }
  return { inputs: narrow(inputs), idle };
}

/** Keys and values of a decoder's cache, and the switch of a merged one. */
export function isCache(input: ValueInfo): boolean {
  return input.name.startsWith('past_key_values') || input.name === 'use_cache_branch';
}

function idleInput(input: ValueInfo, slot: Slot, sharedBatch: boolean, length: number): IdleInput {
  const dims = input.dims.map((dim, axis): number | 'batch' => {
    if (axis === 0) return typeof dim === 'number' ? dim : sharedBatch ? 'batch' : 1;
    if (typeof dim === 'number' && dim > 0) return dim;
    return slot === 'pixels' ? 224 : length;
  });
  return { name: input.name, type: idleType(input.type), dims };
}

function idleType(type: string): IdleInput['type'] {
  switch (type) {
    case 'float16':
    case 'uint8':
    case 'int64':
    case 'int32':
    case 'bool':
      return type;
    default:
      return 'float32';
  }
}

function narrow(inputs: { readonly [K in Slot]?: ValueInfo }): GraphInputs {
  const float = (slot: 'pixels' | 'encoderStates'): FloatInput | undefined => {
    const input = inputs[slot];
    if (input === undefined || !FLOATS.has(input.type)) return undefined;
    const type = input.type === 'float16' || input.type === 'uint8' ? input.type : 'float32';
    return { name: input.name, type };
  };
  const integer = (slot: Exclude<Slot, 'pixels' | 'encoderStates'>): IntegerInput | undefined => {
    const input = inputs[slot];
    return input === undefined
      ? undefined
      : { name: input.name, type: input.type === 'int32' ? 'int32' : 'int64' };
  };
  const all = {
    pixels: float('pixels'),
    ids: integer('ids'),
    mask: integer('mask'),
    tokenTypes: integer('tokenTypes'),
    positions: integer('positions'),
    encoderStates: float('encoderStates'),
    encoderMask: integer('encoderMask'),
  };
  const { pixels, ids, mask, tokenTypes, positions, encoderStates, encoderMask } = all;
  return {
    ...(pixels && { pixels }),
    ...(ids && { ids }),
    ...(mask && { mask }),
    ...(tokenTypes && { tokenTypes }),
    ...(positions && { positions }),
    ...(encoderStates && { encoderStates }),
    ...(encoderMask && { encoderMask }),
  };
}

function chooseOutput(header: OnnxHeader, side: Side): ValueInfo | undefined {
  for (const name of OUTPUTS[side]) {
    const found = header.outputs.find((value) => value.name.toLowerCase() === name);
    if (found !== undefined) return found;
  }
  const flat = header.outputs.filter((value) => value.dims.length === 2 && !value.name.startsWith('logits'));
  return flat.length === 1 ? flat[0] : undefined;
}

/** Token states after the last layer and before it: `last_hidden_state`, `hidden_states.N` (Optimum). */
function planHidden(header: OnnxHeader, side: Side): GraphPlan['hidden'] {
  const names = header.outputs.filter((value) => value.dims.length >= 3).map((value) => value.name);
  const last = names.find((name) =>
    /^(last_hidden_state|hidden_states?|image_tokens|patch_tokens)$/.test(name),
  );
  const layers = names
    .map((name) => ({ name, layer: Number(/^hidden_states?[._](\d+)$/.exec(name)?.[1] ?? Number.NaN) }))
    .filter((entry) => Number.isInteger(entry.layer))
    .sort((a, b) => b.layer - a.layer);
  const named = names.find((name) => /penultimate/.test(name));
  const sole =
    side === 'image' || side === 'text' ? names.filter((name) => !OUTPUTS[side].includes(name)) : [];
  return {
    last: last ?? layers[0]?.name ?? (sole.length === 1 ? (sole[0] ?? null) : null),
    penultimate: named ?? layers[1]?.name ?? null,
  };
}
