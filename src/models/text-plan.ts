import { join } from 'node:path';
import { DiptychError } from '../errors.js';
import type { CleaningRule, TextCleaning } from '../text/types.js';
import type { GraphPlan, TextPlan } from './card.js';
import type { Family } from './families.js';
import type { FolderListing } from './folder.js';
import { asBoolean, asNumber, asString, at, type Json } from './json.js';
import type { OnnxHeader } from './onnx/header.js';
import { vocabularySize } from './onnx/inspect.js';
import { findVocabulary, lookUp, maxLength, tokenText, type VocabularyFiles } from './vocabulary-files.js';

export interface TextSources {
  readonly listing: FolderListing;
  readonly layout: string;
  readonly family: Family;
  /** config.json (Hugging Face) or the model_cfg of open_clip. */
  readonly config: Json;
  readonly openClip: boolean;
  readonly header: OnnxHeader;
  readonly graph: GraphPlan;
  readonly cleaning: TextCleaning;
  /** contextLength of diptych_card.json or the registry. */
  readonly contextLength: number | null;
}

/** How texts become ids. Throws MODEL_INVALID naming the missing or wrong file, BAD_OPTION for a cleaning that does not fit. */
export function planText(sources: TextSources, warnings: string[]): TextPlan {
  const { listing, family, graph, header } = sources;
  const vocabulary = findVocabulary(listing);
  if (vocabulary === null) {
    const exporter =
      sources.layout === 'chinese-clip' ? 'vocab.txt (cn_clip/clip/vocab.txt)' : 'tokenizer.json';
    throw new DiptychError(
      'MODEL_INVALID',
      `the folder has a text graph but no tokenizer: put its ${exporter} there`,
      {
        input: listing.folder,
      },
    );
  }
  checkKind(vocabulary, sources);
  const base = sources.openClip ? openClipPlan(sources, vocabulary) : familyPlan(sources, vocabulary);
  const contextLength = settleLength(base.contextLength, sources, warnings);
  const plan: TextPlan = {
    ...base,
    contextLength,
    files: vocabulary.files,
    // Without a mask a BERT sees its padding: the official length is part of the result then.
    bucketable:
      base.bucketable &&
      graph.fixedLength === null &&
      !graph.roundsActivations &&
      (!family.bert || graph.inputs.mask !== undefined),
    vocabularySize: vocabularySize(header, graph.inputs.ids?.name ?? ''),
  };
  return sources.cleaning === 'auto' ? plan : overrideCleaning(plan, sources.cleaning, vocabulary, sources);
}

function checkKind(vocabulary: VocabularyFiles, { family, config, openClip }: TextSources): void {
  const { type, files } = vocabulary;
  // open_clip puts any tokenizer of the hub before any tower (CLIPA has BERT's, NLLB-CLIP a unigram).
  const named = openClip && asString(at(config, 'text_cfg', 'hf_tokenizer_name')) !== undefined;
  if (type === null || named || family.vocabularies.includes(type)) return;
  throw new DiptychError(
    'MODEL_INVALID',
    `holds a ${type} vocabulary, but models of the ${family.family} family use ${family.vocabularies.join(' or ')}: ` +
      'this is the tokenizer of another model; fetch the right one',
    { input: files['tokenizer'] ?? '' },
  );
}

type Base = Omit<TextPlan, 'files' | 'vocabularySize'>;

/** SimpleTokenizer unless the configuration names a Hugging Face tokenizer. Source: open_clip's get_tokenizer. */
function openClipPlan({ config, family, listing }: TextSources, vocabulary: VocabularyFiles): Base {
  const text = at(config, 'text_cfg');
  const kwargs = at(text, 'tokenizer_kwargs');
  const clean = asString(at(kwargs, 'clean'));
  const mode = asString(at(text, 'tokenizer_mode')) ?? '';
  if (mode !== '') {
    // CLIPS puts a class token behind the padding: ids made by the ordinary rule would be silently wrong.
    throw new DiptychError(
      'MODEL_UNSUPPORTED',
      `tokenizer_mode "${mode}" is not known here; use another model`,
      {
        input: join(
          listing.folder,
          listing.files.has('open_clip_config.json') ? 'open_clip_config.json' : 'config.json',
        ),
      },
    );
  }
  const contextLength = asNumber(at(text, 'context_length')) ?? 77;
  const causal = asBoolean(at(text, 'no_causal_mask')) !== true;
  const simple = asString(at(text, 'hf_tokenizer_name')) === undefined;
  if (simple && vocabulary.type !== null && vocabulary.type !== 'BPE') {
    throw new DiptychError(
      'MODEL_INVALID',
      `the configuration names no Hugging Face tokenizer, so this should be CLIP's BPE, but it is ${vocabulary.type}`,
      { input: vocabulary.files['tokenizer'] ?? listing.folder },
    );
  }
  const cleaning: Record<string, CleaningRule> = {
    lower: 'open_clip',
    whitespace: 'whitespace',
    canonicalize: 'canonicalize',
  };
  const pooled = (asString(at(text, 'pool_type')) ?? 'argmax') === 'argmax';
  return {
    contextLength,
    padId: simple ? 0 : padIdOf(vocabulary, listing.folder),
    padTo: 'context',
    mask: false,
    cleaning: cleaning[clean ?? (simple ? 'lower' : 'whitespace')] ?? 'open_clip',
    bucketable: simple && causal && pooled && family.bucketable,
    kind: simple ? 'clip-bpe' : jsonKind(vocabulary),
    spelling: 'open_clip',
    zeroed:
      asBoolean(at(kwargs, 'strip_sep_token')) === true
        ? [tokenText(vocabulary.config, 'sep_token') ?? '[SEP]']
        : [],
  };
}

function familyPlan(sources: TextSources, vocabulary: VocabularyFiles): Base {
  const { family, config, layout } = sources;
  const text = at(config, 'text_config') ?? at(config, 'qformer_config') ?? config;
  const table = asNumber(at(text, 'max_position_embeddings'));
  // RoBERTa counts positions from its padding id + 1.
  const offset = /roberta/.test(asString(at(text, 'model_type')) ?? '') ? 2 : 0;
  const positions = table === undefined ? undefined : table - offset;
  const limit = maxLength(vocabulary.config);
  const own = sources.contextLength ?? family.contextLength ?? undefined;
  const contextLength =
    own === undefined ? Math.min(positions ?? Infinity, limit ?? Infinity) : Math.min(own, positions ?? own);
  const tokens = layout === 'diffusers';
  const gemma = family.family === 'siglip2';
  return {
    contextLength,
    padId: padIdOf(vocabulary, sources.listing.folder),
    padTo: family.padTo,
    mask: family.mask && !tokens,
    cleaning: gemma ? 'lower' : 'none',
    // Stable Diffusion reads the states of all 77 positions.
    bucketable: family.bucketable && !tokens,
    kind: familyKind(sources, vocabulary),
    spelling: 'openai',
    zeroed: [],
  };
}

function familyKind({ family, layout }: TextSources, vocabulary: VocabularyFiles): TextPlan['kind'] {
  if (layout === 'chinese-clip') return 'bert-google';
  // transformers' SigLIP tokenizer is the SentencePiece one; its tokenizer.json differs on rare characters.
  if (family.family === 'siglip' && vocabulary.files['model'] !== undefined) return 'sentencepiece';
  return jsonKind(vocabulary);
}

function jsonKind({ files }: VocabularyFiles): TextPlan['kind'] {
  if (files['tokenizer'] !== undefined) return 'tokenizer-json';
  if (files['merges'] !== undefined) return 'clip-hf';
  return files['vocab'] !== undefined ? 'bert-hf' : 'sentencepiece';
}

/** Id of the padding token, found in the vocabulary by its text. */
function padIdOf(vocabulary: VocabularyFiles, folder: string): number {
  const token = tokenText(vocabulary.config, 'pad_token');
  const id = lookUp(vocabulary, token ?? '[PAD]') ?? lookUp(vocabulary, token ?? '<pad>');
  if (id !== undefined) return id;
  if (token === undefined) {
    const end = lookUp(vocabulary, '<|endoftext|>') ?? lookUp(vocabulary, '</s>');
    if (end !== undefined) return end;
  }
  throw new DiptychError(
    'MODEL_INVALID',
    token === undefined
      ? 'no pad_token is named: add tokenizer_config.json or special_tokens_map.json beside the tokenizer'
      : `the padding token "${token}" is not in the vocabulary: tokenizer_config.json belongs to another tokenizer`,
    { input: vocabulary.files['tokenizer'] ?? vocabulary.files['vocab'] ?? folder },
  );
}

function settleLength(length: number, sources: TextSources, warnings: string[]): number {
  const { graph, listing, openClip } = sources;
  const fixed = graph.fixedLength;
  if (fixed === null) {
    if (Number.isFinite(length) && length > 0) return length;
    throw new DiptychError(
      'MODEL_INVALID',
      `the context length is told nowhere: add ${openClip ? 'context_length' : 'max_position_embeddings'} to the configuration or model_max_length to tokenizer_config.json`,
      { input: listing.folder },
    );
  }
  if (Number.isFinite(length) && length !== fixed) {
    warnings.push(
      `the configuration says ${String(length)} tokens per text, the graph takes ${String(fixed)}: using ${String(fixed)}`,
    );
  }
  return fixed;
}

/** The user's `--text-cleaning`, where it fits the vocabulary. */
function overrideCleaning(
  plan: TextPlan,
  cleaning: Exclude<TextCleaning, 'auto'>,
  vocabulary: VocabularyFiles,
  sources: TextSources,
): TextPlan {
  const { files } = vocabulary;
  const clip =
    lookUp(vocabulary, '<|endoftext|>') !== undefined || lookUp(vocabulary, '<end_of_text>') !== undefined;
  const bert = vocabulary.type === 'WordPiece' || (files['vocab']?.endsWith('.txt') ?? false);
  const unfit = (what: string): DiptychError =>
    new DiptychError('BAD_OPTION', `${cleaning} needs ${what}, which ${sources.listing.folder} has not`, {
      input: '--text-cleaning',
    });
  switch (cleaning) {
    case 'none':
      return { ...plan, cleaning: 'none', kind: plan.kind === 'clip-bpe' ? jsonKind(vocabulary) : plan.kind };
    case 'openai':
    case 'open_clip':
    case 'canonicalize':
      if (clip)
        return {
          ...plan,
          cleaning,
          kind: 'clip-bpe',
          spelling: cleaning === 'openai' ? 'openai' : 'open_clip',
          padId: 0,
        };
      return {
        ...plan,
        cleaning: cleaning === 'open_clip' ? 'whitespace' : cleaning,
        kind: files['tokenizer'] === undefined ? plan.kind : 'tokenizer-json',
      };
    case 'hf_slow':
      if (!clip) throw unfit("CLIP's BPE vocabulary");
      return { ...plan, cleaning, kind: 'clip-bpe', spelling: 'openai' };
    case 'cn_clip':
      if (!bert) throw unfit('a BERT vocabulary');
      return { ...plan, cleaning: 'none', kind: 'bert-google' };
  }
}
