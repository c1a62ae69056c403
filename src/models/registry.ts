import { readFileSync, readdirSync } from 'node:fs';
import { DiptychError } from '../errors.js';
import type { Activation, Dtype } from './card.js';
import type { HubLayout } from './hub-files.js';
import { nameKey, nearNames, spellings } from './names.js';

/** A hub repository that holds a model as ONNX graphs. */
export interface OnnxSource {
  readonly repo: string;
  readonly layout: HubLayout;
  readonly dtypes: readonly Dtype[];
}

/** What is known of one published model without having its files. */
export interface RegistryCard {
  /** `architecture/tag` as open_clip writes it, or the hub id where open_clip does not have the model. */
  readonly name: string;
  readonly family: string;
  /** Null for a model that embeds nothing (captioners). */
  readonly embeddingDim: number | null;
  /** Side of the square that the image tower takes, in pixels. */
  readonly imageSize: number;
  /** Tokens per text, special tokens included. */
  readonly contextLength: number | null;
  readonly visionParameters: number | null;
  readonly textParameters: number | null;
  readonly resize: 'shortest' | 'squash' | 'longest' | null;
  readonly interpolation: string | null;
  readonly quickGelu: boolean;
  readonly activation: Activation;
  /** The trained factor (exp already taken), where it is publicly known. */
  readonly logitScale: number | null;
  readonly logitBias: number | null;
  /** Where scale and bias are known from. */
  readonly logitScaleSource: string | null;
  readonly licence: string;
  /** open_clip's `architecture/tag` pairs that mean these weights. */
  readonly openClip: readonly string[];
  readonly aliases: readonly string[];
  /** Ready ONNX exports, best first; none: export the weights (training/export). */
  readonly onnx: readonly OnnxSource[];
  /** The original weights and the Python package that reads them. */
  readonly weights: { readonly repo: string; readonly via: string } | null;
  /** Heads beside the two towers: image-text matching, a text decoder. */
  readonly heads: readonly ('itm' | 'decoder')[];
}

/** The cards lie beside the sources, not in dist: tsc copies no JSON, and data needs no build. */
const CARDS = new URL('../../src/models/cards/', import.meta.url);

type CardJson = Partial<RegistryCard> & Pick<RegistryCard, 'name' | 'family' | 'imageSize' | 'licence'>;

function isCard(value: unknown): value is CardJson {
  if (typeof value !== 'object' || value === null) return false;
  const card = value as Partial<Record<keyof RegistryCard, unknown>>;
  return (
    typeof card.name === 'string' &&
    typeof card.family === 'string' &&
    typeof card.imageSize === 'number' &&
    typeof card.licence === 'string'
  );
}

function readCards(file: URL): RegistryCard[] {
  const list: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(list)) throw new DiptychError('MODEL_INVALID', 'a card file holds a list of cards');
  return list.map((value: unknown) => {
    if (!isCard(value)) {
      throw new DiptychError('MODEL_INVALID', 'a card needs name, family, imageSize and licence', {
        input: file.pathname,
      });
    }
    return Object.freeze({
      embeddingDim: null,
      contextLength: null,
      visionParameters: null,
      textParameters: null,
      resize: null,
      interpolation: null,
      quickGelu: false,
      activation: 'softmax',
      logitScale: null,
      logitBias: null,
      logitScaleSource: null,
      openClip: [],
      aliases: [],
      onnx: [],
      weights: null,
      heads: [],
      ...value,
    } satisfies RegistryCard);
  });
}

interface Entry {
  readonly card: RegistryCard;
  readonly source: OnnxSource | null;
}

let cards: readonly RegistryCard[] | undefined;
let index: ReadonlyMap<string, Entry> | undefined;

/** Every card, by family. Read at first use: opening a folder or the bundled model never gets here. */
export function allCards(): readonly RegistryCard[] {
  cards ??= readdirSync(CARDS)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => readCards(new URL(file, CARDS)));
  return cards;
}

/** All names of a card: its own, open_clip's in every spelling, the hub ids and the aliases. */
export function namesOf(card: RegistryCard): string[] {
  return [
    ...new Set([
      card.name,
      ...card.openClip.flatMap(spellings),
      ...card.aliases,
      ...card.onnx.map((source) => source.repo),
      ...(card.weights === null ? [] : [card.weights.repo]),
    ]),
  ];
}

function entries(): ReadonlyMap<string, Entry> {
  if (index !== undefined) return index;
  const map = new Map<string, Entry>();
  for (const card of allCards()) {
    for (const name of namesOf(card)) {
      const key = nameKey(name);
      if (!map.has(key)) map.set(key, { card, source: null });
    }
  }
  for (const card of allCards()) {
    // A repository asked for by its own name is the one that is meant.
    for (const source of card.onnx) map.set(nameKey(source.repo), { card, source });
  }
  index = map;
  return map;
}

/** Whether a name can be a hub id (`owner/name`), with or without a prefix such as `hf-hub:`. */
export function hubIdOf(name: string): string | null {
  const bare = name.replace(/^(hf-hub:|hf_clip:|hf:|https:\/\/huggingface\.co\/)/i, '').replace(/\/+$/, '');
  return /^[\w.-]+\/[\w.-]+$/.test(bare) && !bare.startsWith('.') ? bare : null;
}

/**
 * The card of a model, by any name that people know: `ViT-B/32`, `ViT-B-32/openai`, `ViT-B-32,laion2b_s34b_b79k`,
 * `ViT-B-32::openai`, `ViT-B-32__openai`, `open_clip:...`, `hf-hub:...`, hub ids. Case, `-` and `_` do not count.
 * `source` is set where the name is that of one of the card's ONNX repositories.
 */
export function findCard(name: string): Entry | undefined {
  return entries().get(nameKey(name));
}

/** The card of a folder inside the hub's cache or named after a repository; undefined where nothing tells. */
export function findCardOfFolder(folder: string): Entry | undefined {
  const cached = /models--([\w.-]+?)--([\w.-]+)[\\/]snapshots/.exec(folder);
  if (cached !== null) return findCard(`${cached[1] ?? ''}/${cached[2] ?? ''}`);
  return undefined;
}

/** MODEL_NOT_FOUND for a name that nothing answers to, with the near ones. */
export function unknownModel(name: string): DiptychError {
  const near = nearNames(
    name,
    allCards().flatMap((card) => namesOf(card).map((alias) => ({ alias, name: card.name }))),
  );
  const hint =
    near.length === 0
      ? 'see `diptych models list`, or give a folder or a hub id (owner/name)'
      : `did you mean ${near.join(', ')}? All names: \`diptych models list\``;
  return new DiptychError('MODEL_NOT_FOUND', `no model of this name is known; ${hint}`, { input: name });
}
