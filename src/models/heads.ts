import { DiptychError } from '../errors.js';
import type { CaptionPlan, MatchPlan } from './card.js';
import type { OpenGraph } from './describe.js';
import type { FolderListing } from './folder.js';
import { planGraph } from './graph-plan.js';
import { asNumber, at, type Json } from './json.js';
import { findVocabulary, lookUp, type VocabularyFiles } from './vocabulary-files.js';

/** The matching head. Throws MODEL_INVALID where the vocabulary lacks [CLS]. */
export function planMatch(graph: OpenGraph, listing: FolderListing): MatchPlan {
  const vocabulary = vocabularyOf(listing);
  const clsId = lookUp(vocabulary, '[CLS]');
  if (clsId === undefined) throw lacks(listing, '[CLS]');
  return {
    graph: planGraph(graph.header, 'match', graph.file.dtype),
    clsId,
    encId: lookUp(vocabulary, '[ENC]') ?? null,
  };
}

/** The captioner. Start is [DEC] (BLIP), end [SEP], as salesforce/BLIP generates. */
export function planCaption(
  graph: OpenGraph,
  withPast: OpenGraph | null,
  listing: FolderListing,
  config: Json,
): CaptionPlan {
  const vocabulary = vocabularyOf(listing);
  const { header } = graph;
  const text = at(config, 'text_config');
  const bosId = lookUp(vocabulary, '[DEC]') ?? asNumber(at(text, 'bos_token_id'));
  const eosId = asNumber(at(text, 'sep_token_id')) ?? lookUp(vocabulary, '[SEP]');
  if (bosId === undefined) throw lacks(listing, '[DEC]');
  if (eosId === undefined) throw lacks(listing, '[SEP]');
  return {
    graph: planGraph(header, 'decoder', graph.file.dtype),
    withPast: withPast?.header.file ?? null,
    bosId,
    eosId,
    padId: asNumber(at(text, 'pad_token_id')) ?? lookUp(vocabulary, '[PAD]') ?? 0,
    maxPositions: asNumber(at(text, 'max_position_embeddings')) ?? 512,
    vocabulary: vocabulary.files['tokenizer'] ?? vocabulary.files['vocab'] ?? '',
  };
}

function vocabularyOf(listing: FolderListing): VocabularyFiles {
  const vocabulary = findVocabulary(listing);
  if (vocabulary !== null) return vocabulary;
  throw new DiptychError('MODEL_INVALID', 'the folder has a text head but no tokenizer.json; put it there', {
    input: listing.folder,
  });
}

function lacks(listing: FolderListing, token: string): DiptychError {
  return new DiptychError(
    'MODEL_INVALID',
    `the tokenizer has no ${token}, which this family's heads start from`,
    {
      input: listing.folder,
    },
  );
}
