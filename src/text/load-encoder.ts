import { readFileSync } from 'node:fs';
import { DiptychError } from '../errors.js';
import type { TextPlan } from '../models/card.js';
import { asObject, at, readJson, type Json } from '../models/json.js';
import { GoogleBertEncoder } from './bert-google.js';
import { ClipEncoder } from './clip-encoder.js';
import type { Encoder } from './encoder.js';
import { readMerges } from './json/model.js';
import { JsonEncoder, loadTokenizerJson } from './json/tokenizer-json.js';
import { loadSentencePiece } from './sentencepiece.js';

/** The part of a text plan that a vocabulary is read by. */
type VocabularyPlan = Pick<TextPlan, 'kind' | 'files' | 'spelling'> & Partial<Pick<TextPlan, 'cleaning'>>;

/** Reads the vocabulary files of a plan. Throws MODEL_INVALID or MODEL_UNSUPPORTED naming the file. */
export function loadEncoder(plan: VocabularyPlan): Encoder {
  const { tokenizer, vocab, model } = plan.files;
  if (plan.kind === 'sentencepiece' && model !== undefined) return loadSentencePiece(model);
  if (plan.kind === 'tokenizer-json' && tokenizer !== undefined) {
    return loadTokenizerJson(tokenizer, { lowercase: plan.cleaning === 'lower' });
  }
  if (plan.kind === 'clip-bpe') return loadClipBpe(plan);
  if (plan.kind === 'clip-hf') return new JsonEncoder(clipHfConfig(readVocabMerges(plan)));
  const words = tokenizer !== undefined ? jsonVocabulary(tokenizer) : readVocabTxt(vocab ?? '');
  if (plan.kind === 'bert-google') return new GoogleBertEncoder(words);
  return new JsonEncoder(bertHfConfig(words));
}

function loadClipBpe(plan: VocabularyPlan): Encoder {
  const { tokenizer } = plan.files;
  const source = tokenizer === undefined ? readVocabMerges(plan) : jsonVocabMerges(tokenizer);
  const start = source.vocab.get('<|startoftext|>') ?? source.vocab.get('<start_of_text>');
  const end = source.vocab.get('<|endoftext|>') ?? source.vocab.get('<end_of_text>');
  if (start === undefined || end === undefined) {
    throw new DiptychError('MODEL_INVALID', 'the vocabulary lacks the start and end of text tokens of CLIP', {
      input: tokenizer ?? plan.files['vocab'] ?? '',
    });
  }
  return new ClipEncoder(source.vocab, source.merges, [start, end], plan.spelling);
}

interface VocabMerges {
  readonly vocab: Map<string, number>;
  readonly merges: readonly [string, string][];
}

function jsonVocabMerges(file: string): VocabMerges {
  const json = readJson(file);
  const vocab = toMap(asObject(at(json, 'model', 'vocab')));
  const merges = readMerges(at(json, 'model', 'merges'));
  if (vocab.size === 0 || merges.length === 0) {
    throw new DiptychError(
      'MODEL_INVALID',
      'holds no BPE vocabulary, which this family needs; fetch it again',
      {
        input: file,
      },
    );
  }
  return { vocab, merges };
}

function readVocabMerges(plan: VocabularyPlan): VocabMerges {
  const vocabFile = plan.files['vocab'] ?? '';
  const mergesFile = plan.files['merges'] ?? '';
  const vocab = toMap(readJson(vocabFile));
  const lines = readText(mergesFile)
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#version'));
  const merges = readMerges(lines);
  if (vocab.size === 0) {
    throw new DiptychError('MODEL_INVALID', 'the vocabulary is empty; fetch the file again', {
      input: vocabFile,
    });
  }
  if (merges.length === 0) {
    throw new DiptychError('MODEL_INVALID', 'holds no merges; fetch the file again', { input: mergesFile });
  }
  return { vocab, merges };
}

function toMap(object: Json): Map<string, number> {
  const map = new Map<string, number>();
  for (const [token, id] of Object.entries(object)) if (typeof id === 'number') map.set(token, id);
  return map;
}

function jsonVocabulary(file: string): Map<string, number> {
  const vocabulary = toMap(asObject(at(readJson(file), 'model', 'vocab')));
  if (!vocabulary.has('[UNK]')) {
    throw new DiptychError('MODEL_INVALID', 'holds no BERT vocabulary ([UNK] is missing); fetch it again', {
      input: file,
    });
  }
  return vocabulary;
}

function readVocabTxt(file: string): Map<string, number> {
  const lines = readText(file).split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  const words = new Map(lines.map((line, id) => [line.trim(), id]));
  if (!words.has('[CLS]') || !words.has('[SEP]') || !words.has('[UNK]')) {
    throw new DiptychError('MODEL_INVALID', 'is no BERT vocabulary ([CLS], [SEP] or [UNK] is missing)', {
      input: file,
    });
  }
  return words;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DiptychError('MODEL_INVALID', 'the file is missing or unreadable; fetch it again', {
      input: file,
      cause,
    });
  }
}

/** What Hugging Face's CLIPTokenizerFast builds from the two files. */
function clipHfConfig(source: VocabMerges): Json {
  const id = (token: string): number => source.vocab.get(token) ?? 0;
  const special = (content: string, normalized: boolean): Json => ({ id: id(content), content, normalized });
  return {
    added_tokens: [special('<|startoftext|>', true), special('<|endoftext|>', false)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex:
              "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
          },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['<|endoftext|>', id('<|endoftext|>')],
      cls: ['<|startoftext|>', id('<|startoftext|>')],
    },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(source.vocab),
      merges: source.merges,
      unk_token: '<|endoftext|>',
      end_of_word_suffix: '</w>',
    },
  };
}

/** What Hugging Face's BertTokenizerFast builds from a vocab.txt. */
function bertHfConfig(words: ReadonlyMap<string, number>): Json {
  const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  return {
    added_tokens: specials
      .filter((content) => words.has(content))
      .map((content) => ({ id: words.get(content), content, normalized: false })),
    normalizer: { type: 'BertNormalizer', lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'BertProcessing',
      sep: ['[SEP]', words.get('[SEP]')],
      cls: ['[CLS]', words.get('[CLS]')],
    },
    model: { type: 'WordPiece', vocab: Object.fromEntries(words), unk_token: '[UNK]' },
  };
}
