import type { Dtype } from './card.js';
import { parseOptions, read } from '../options.js';
import { allCards, findCard, namesOf, unknownModel, type OnnxSource, type RegistryCard } from './registry.js';
import { filesFor } from './hub-files.js';

export interface ListOptions {
  /** Only models of this family (`clip`, `siglip2`, ...). */
  readonly family?: string;
  /** Only models one of whose names or whose licence holds every word of this. */
  readonly search?: string;
}

/** A card, and what follows from it. */
export interface ModelInfo extends RegistryCard {
  readonly names: readonly string[];
  /** Whether `models pull` can fetch it as it is. */
  readonly pullable: boolean;
  /** Size of both towers in bytes per dtype, from the number of parameters; null where that is not known. */
  readonly approximateBytes: Readonly<Record<Dtype, number>> | null;
  /** Files that `models pull` takes, per source and dtype. */
  readonly files: readonly {
    readonly repo: string;
    readonly dtype: Dtype;
    readonly files: readonly string[];
  }[];
}

const BYTES: Readonly<Record<Dtype, number>> = { fp32: 4, fp16: 2, int8: 1 };

function sizes(card: RegistryCard): ModelInfo['approximateBytes'] {
  if (card.visionParameters === null || card.textParameters === null) return null;
  const parameters = card.visionParameters + card.textParameters;
  return { fp32: parameters * BYTES.fp32, fp16: parameters * BYTES.fp16, int8: parameters * BYTES.int8 };
}

function describe(card: RegistryCard, sources: readonly OnnxSource[]): ModelInfo {
  return {
    ...card,
    names: namesOf(card),
    pullable: sources.length > 0,
    approximateBytes: sizes(card),
    files: sources.flatMap(({ repo, layout, dtypes }) =>
      dtypes.map((dtype) => ({ repo, dtype, files: filesFor(layout, dtype) })),
    ),
  };
}

/** The models that are known, in the order of the cards. Throws BAD_OPTION for a family that does not exist. */
export function listModels(options?: ListOptions): ModelInfo[] {
  const families = [...new Set(allCards().map(({ family }) => family))];
  const { family, search } = parseOptions<{ family: string | null; search: string | null }>(
    options,
    { family: read.oneOf(...families), search: read.string },
    { family: null, search: null },
    'models list',
  );
  const wanted = (search ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return allCards()
    .filter((card) => family === null || card.family === family)
    .filter((card) => {
      const text = [...namesOf(card), card.family, card.licence].join('\n').toLowerCase();
      return wanted.every((word) => text.includes(word));
    })
    .map((card) => describe(card, card.onnx));
}

/** All that is known of a model. Throws MODEL_NOT_FOUND with the near names. */
export function modelInfo(name: string): ModelInfo {
  const found = findCard(name);
  if (found === undefined) throw unknownModel(name);
  return describe(found.card, found.source === null ? found.card.onnx : [found.source]);
}
