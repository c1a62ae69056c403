import type { Activation, ModelDescription } from './card.js';

/** What the official code of a family does with texts and scores. Data only: a new family is one entry. */
export interface Family {
  /** Name in ModelDescription. */
  readonly family: string;
  /** `model_type` values of config.json. */
  readonly types: readonly string[];
  readonly activation: Activation;
  readonly scoring: ModelDescription['scoring'];
  /** Official length of the token sequences, where the code sets one; else the position table's. */
  readonly contextLength: number | null;
  readonly padTo: 'context' | 'longest';
  readonly mask: boolean;
  /** Texts may be padded to less than the context without changing the embedding. */
  readonly bucketable: boolean;
  /** Kinds of tokenizer.json models that can be this family's; a text-less family has none. */
  readonly vocabularies: readonly string[];
  /** A scale that the family fixes by itself (plain cosines), else null. */
  readonly logitScale: number | null;
  readonly bert: boolean;
}

const CLIP: Family = {
  family: 'clip',
  types: ['clip', 'clip_text_model', 'clip_vision_model', 'clipseg', 'metaclip'],
  activation: 'softmax',
  scoring: 'cosine',
  contextLength: null,
  padTo: 'context',
  mask: true,
  bucketable: true,
  vocabularies: ['BPE'],
  logitScale: null,
  bert: false,
};

const BERT: Family = { ...CLIP, vocabularies: ['WordPiece'], bert: true };

/**
 * Sources: transformers' processors (AlignProcessor pads to 64), OFA-Sys/Chinese-CLIP (52), salesforce/BLIP's
 * retrieval (35 tokens) and LAVIS' BLIP-2 (32), open_clip's factory.
 */
export const FAMILIES: readonly Family[] = [
  CLIP,
  {
    ...CLIP,
    family: 'siglip',
    types: ['siglip', 'siglip_text_model', 'siglip_vision_model'],
    activation: 'sigmoid',
    mask: false,
    bucketable: false,
    vocabularies: ['Unigram', 'BPE'],
  },
  {
    ...CLIP,
    family: 'siglip2',
    types: ['siglip2', 'siglip2_text_model', 'siglip2_vision_model'],
    activation: 'sigmoid',
    mask: false,
    bucketable: false,
    vocabularies: ['BPE'],
  },
  {
    ...CLIP,
    family: 'metaclip2',
    types: ['metaclip_2', 'metaclip_2_text_model', 'metaclip_2_vision_model'],
    bucketable: false,
    vocabularies: ['Unigram', 'BPE'],
  },
  { ...BERT, family: 'align', types: ['align', 'align_text_model'], contextLength: 64 },
  { ...BERT, family: 'chinese_clip', types: ['chinese_clip', 'chinese_clip_text_model'], contextLength: 52 },
  { ...BERT, family: 'blip', types: ['blip', 'blip_text_model'], contextLength: 35, logitScale: 1 },
  {
    ...BERT,
    family: 'blip2',
    types: ['blip-2', 'blip_2', 'blip2'],
    contextLength: 32,
    logitScale: 1,
    scoring: 'max-cosine',
  },
  {
    ...BERT,
    family: 'dual-encoder',
    types: ['vision-text-dual-encoder', 'bert', 'roberta', 'xlm-roberta', 'distilbert', 'mpnet', 'altclip'],
    padTo: 'longest',
    vocabularies: ['WordPiece', 'BPE', 'Unigram', 'WordLevel'],
  },
];

/** open_clip's own models; CoCa masks by id == 0, so its texts must be padded with 0 to the full context. */
export const OPEN_CLIP: Family = { ...CLIP, family: 'open_clip', types: [], mask: false };
export const COCA: Family = { ...OPEN_CLIP, family: 'coca', bucketable: false };
export const OPEN_CLIP_SIGLIP: Family = {
  ...OPEN_CLIP,
  family: 'siglip',
  activation: 'sigmoid',
  bucketable: false,
  vocabularies: ['Unigram', 'BPE', 'WordPiece'],
};

export function familyOf(modelType: string | undefined): Family | undefined {
  return FAMILIES.find((family) => modelType !== undefined && family.types.includes(modelType));
}

/** Every `model_type` that is known, for messages. */
export function knownTypes(): string[] {
  return FAMILIES.flatMap((family) => family.types).sort();
}
