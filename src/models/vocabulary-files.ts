import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSentencePiece } from '../text/sentencepiece-file.js';
import { asList, asNumber, asString, at, isObject, readJson, type Json } from './json.js';
import type { FolderListing } from './folder.js';

/** Where tokenizer files may lie, first found first. */
const FOLDERS = ['textual', 'tokenizer', '', 'text_model', 'text_encoder', 'text', 'onnx'];

/** The files of a folder that define its vocabulary. */
export interface VocabularyFiles {
  readonly files: Readonly<Record<string, string>>;
  /** tokenizer_config.json over special_tokens_map.json; empty where both are missing. */
  readonly config: Json;
  /** `model.type` of tokenizer.json: BPE, WordPiece, Unigram. */
  readonly type: string | null;
}

export function findVocabulary(listing: FolderListing): VocabularyFiles | null {
  for (const folder of FOLDERS) {
    const path = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
    const has = (name: string): boolean => listing.files.has(path(name));
    const absolute = (name: string): string => join(listing.folder, path(name));
    const files: Record<string, string> = {};
    if (has('tokenizer.json')) files['tokenizer'] = absolute('tokenizer.json');
    if (has('vocab.json') && has('merges.txt')) {
      files['vocab'] = absolute('vocab.json');
      files['merges'] = absolute('merges.txt');
    } else if (has('vocab.txt')) files['vocab'] = absolute('vocab.txt');
    const model = ['spiece.model', 'sentencepiece.bpe.model', 'tokenizer.model'].find(has);
    if (model !== undefined) files['model'] = absolute(model);
    if (Object.keys(files).length === 0) continue;
    const special = has('special_tokens_map.json') ? readJson(absolute('special_tokens_map.json')) : {};
    const config = has('tokenizer_config.json') ? readJson(absolute('tokenizer_config.json')) : {};
    const { tokenizer } = files;
    return {
      files,
      config: { ...special, ...config },
      type: tokenizer === undefined ? null : sniffType(tokenizer),
    };
  }
  return null;
}

/** The model type of a tokenizer.json without parsing megabytes of vocabulary, where it is spelled as usual. */
function sniffType(file: string): string | null {
  const text = readFileSync(file, 'utf8');
  const quick = /"model"\s*:\s*\{\s*"type"\s*:\s*"(\w+)"/.exec(text);
  if (quick?.[1] !== undefined) return quick[1];
  const model = at(readJson(file), 'model');
  return asString(at(model, 'type')) ?? (isObject(model) && 'merges' in model ? 'BPE' : null);
}

const tables = new WeakMap<VocabularyFiles, (token: string) => number | undefined>();

/** Id of a token by its text, from whichever vocabulary file there is. Throws MODEL_INVALID for a broken one. */
export function lookUp(vocabulary: VocabularyFiles, token: string): number | undefined {
  let table = tables.get(vocabulary);
  if (table === undefined) {
    table = readTable(vocabulary.files);
    tables.set(vocabulary, table);
  }
  return table(token);
}

function readTable(files: VocabularyFiles['files']): (token: string) => number | undefined {
  const { tokenizer, vocab, model } = files;
  if (tokenizer !== undefined) {
    const json = readJson(tokenizer);
    const added = new Map(
      asList(json['added_tokens']).map((entry) => [at(entry, 'content'), at(entry, 'id')]),
    );
    const words = at(json, 'model', 'vocab');
    const list = Array.isArray(words) ? asList(words).map((entry) => at(entry, 0)) : null;
    return (token) => {
      const id = asNumber(added.get(token)) ?? asNumber(at(words, token));
      if (id !== undefined || list === null) return id;
      const index = list.indexOf(token);
      return index < 0 ? undefined : index;
    };
  }
  if (vocab?.endsWith('.json') === true) {
    const json = readJson(vocab);
    return (token) => asNumber(json[token]);
  }
  if (vocab !== undefined) {
    const lines = readFileSync(vocab, 'utf8').split(/\r?\n/);
    return (token) => {
      const index = lines.indexOf(token);
      return index < 0 ? undefined : index;
    };
  }
  const { ids } = readSentencePiece(model ?? '');
  return (token) => ids.get(token);
}

/** The text of a special token in tokenizer_config.json: a string, or an object with `content`. */
export function tokenText(config: Json, key: string): string | undefined {
  return asString(config[key]) ?? asString(at(config[key], 'content'));
}

/** model_max_length, unless it is the "no limit" of transformers (1e30). */
export function maxLength(config: Json): number | undefined {
  const length = asNumber(config['model_max_length']);
  return length !== undefined && length < 1e6 ? length : undefined;
}
