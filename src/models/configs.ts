import { join } from 'node:path';
import { DiptychError } from '../errors.js';
import { COCA, familyOf, knownTypes, OPEN_CLIP, OPEN_CLIP_SIGLIP, type Family } from './families.js';
import type { FolderListing } from './folder.js';
import { asNumber, asObject, asString, at, isObject, readJson, type Json } from './json.js';
import { findVocabulary } from './vocabulary-files.js';

/** What the configuration files of a folder say. */
export interface Configs {
  readonly family: Family;
  /** config.json of Hugging Face, or the model_cfg of open_clip. */
  readonly model: Json;
  readonly modelFile: string | null;
  readonly openClip: boolean;
  /** open_clip's preprocess_cfg with the file that holds it, or null. */
  readonly openClipPreprocess: { readonly config: Json; readonly file: string } | null;
  /** diptych_card.json: what our own exports say of themselves. */
  readonly card: Json;
  readonly name: string | null;
  readonly embeddingDim: number | null;
  readonly contextLength: number | null;
  readonly imageSize: readonly [number, number] | null;
  readonly warnings: readonly string[];
}

/** Reads every configuration file there is. Throws MODEL_INVALID or MODEL_UNSUPPORTED naming the file. */
export function readConfigs(listing: FolderListing, layout: string): Configs {
  const path = (name: string): string => join(listing.folder, name);
  const read = (name: string): Json | null => (listing.files.has(name) ? readJson(path(name)) : null);
  const bundle = read('open_clip_config.json');
  const plain = read('config.json') ?? read('text_encoder/config.json');
  const isOpenClip = (config: Json | null): config is Json =>
    config !== null &&
    asString(config['model_type']) === undefined &&
    isObject(config['vision_cfg'] ?? config['text_cfg']);
  const inner = bundle === null ? null : asObject(bundle['model_cfg']);
  const openClip = inner ?? (isOpenClip(plain) ? plain : null);
  const card = read('diptych_card.json') ?? {};
  const warnings = compareOpenClip(inner, isOpenClip(plain) ? plain : null);
  if (bundle !== null && inner !== null && Object.keys(inner).length === 0) {
    throw new DiptychError('MODEL_INVALID', 'has no model_cfg; fetch the file again', {
      input: path('open_clip_config.json'),
    });
  }
  if (openClip !== null) {
    return {
      family: openClipFamily(openClip),
      model: openClip,
      modelFile: path(inner === null ? 'config.json' : 'open_clip_config.json'),
      openClip: true,
      openClipPreprocess: findPreprocess(listing, bundle, warnings),
      card,
      name: asString(card['name']) ?? null,
      embeddingDim: asNumber(openClip['embed_dim']) ?? null,
      contextLength: asNumber(card['contextLength']) ?? null,
      imageSize: sizePair(at(openClip, 'vision_cfg', 'image_size')),
      warnings,
    };
  }
  const model = plain ?? {};
  return {
    family: huggingFaceFamily(listing, layout, model, plain === null),
    model,
    modelFile:
      plain === null
        ? null
        : path(listing.files.has('config.json') ? 'config.json' : 'text_encoder/config.json'),
    openClip: false,
    openClipPreprocess: findPreprocess(listing, null, warnings),
    card,
    name: asString(card['name']) ?? null,
    embeddingDim:
      asNumber(card['embeddingDim']) ??
      asNumber(model['projection_dim']) ??
      asNumber(model['image_text_hidden_size']) ??
      null,
    contextLength: asNumber(card['contextLength']) ?? null,
    imageSize: sizePair(at(model, 'vision_config', 'image_size') ?? card['imageSize']),
    warnings,
  };
}

function sizePair(value: unknown): readonly [number, number] | null {
  const one = asNumber(value);
  const height = one ?? asNumber(at(value, 0));
  const width = one ?? asNumber(at(value, 1));
  return height === undefined || width === undefined ? null : [height, width];
}

function openClipFamily(config: Json): Family {
  if (isObject(config['multimodal_cfg'])) return COCA;
  return config['init_logit_bias'] === undefined || config['init_logit_bias'] === null
    ? OPEN_CLIP
    : OPEN_CLIP_SIGLIP;
}

function huggingFaceFamily(listing: FolderListing, layout: string, config: Json, missing: boolean): Family {
  const type = asString(config['model_type']);
  if (layout === 'chinese-clip') {
    const chinese = familyOf('chinese_clip');
    if (chinese !== undefined) return chinese;
  }
  const family = familyOf(type);
  if (family?.family === 'siglip' && findVocabulary(listing)?.type === 'BPE')
    return familyOf('siglip2') ?? family;
  if (family !== undefined) return family;
  if (missing && layout === 'immich') return OPEN_CLIP;
  if (missing) {
    throw new DiptychError(
      'MODEL_INVALID',
      'config.json is missing, and nothing else tells the family of the model; fetch it from where the model comes from',
      { input: join(listing.folder, 'config.json') },
    );
  }
  throw new DiptychError(
    'MODEL_UNSUPPORTED',
    type === undefined
      ? 'names no model_type and is no open_clip configuration'
      : `model_type "${type}" is not known here; known are ${knownTypes().join(', ')}`,
    { input: join(listing.folder, 'config.json') },
  );
}

function findPreprocess(
  listing: FolderListing,
  bundle: Json | null,
  warnings: string[],
): { config: Json; file: string } | null {
  const own = bundle?.['preprocess_cfg'];
  const names = ['visual/preprocess_cfg.json', 'preprocess_cfg.json'].filter((name) =>
    listing.files.has(name),
  );
  const [first] = names;
  if (first === undefined) {
    return isObject(own) ? { config: own, file: join(listing.folder, 'open_clip_config.json') } : null;
  }
  const config = readJson(join(listing.folder, first));
  for (const key of ['mean', 'std', 'interpolation', 'resize_mode']) {
    const other = at(own, key);
    if (
      other !== undefined &&
      config[key] !== undefined &&
      JSON.stringify(other) !== JSON.stringify(config[key])
    ) {
      warnings.push(
        `${first} says ${key} ${JSON.stringify(config[key])}, open_clip_config.json ${JSON.stringify(other)}: using the first`,
      );
    }
  }
  return { config, file: join(listing.folder, first) };
}

function compareOpenClip(bundle: Json | null, plain: Json | null): string[] {
  if (bundle === null || plain === null) return [];
  return ['embed_dim', 'quick_gelu']
    .filter((key) => bundle[key] !== undefined && plain[key] !== undefined && bundle[key] !== plain[key])
    .map(
      (key) =>
        `open_clip_config.json says ${key} ${JSON.stringify(bundle[key])}, config.json ${JSON.stringify(plain[key])}: using the first`,
    );
}
