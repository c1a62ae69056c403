import { DiptychError } from '../../errors.js';
import type { WordNet } from '../wordnet.js';
import { fillTemplate, templatesOf, type Templates } from '../classifier.js';
import { splitWords } from './words.js';

/** What is known of a class; the keys of K-LITE's own files. */
export interface Knowledge {
  readonly classname: string;
  /** Wiktionary's definition. */
  readonly def_wiki?: string | null;
  /** WordNet's definition. */
  readonly def_wn?: string | null;
  /** The class and its hypernyms in WordNet, nearest first. */
  readonly path_wn?: readonly string[] | null;
  /** Free texts, such as GPT-3's. */
  readonly gpt3?: readonly string[] | null;
}

export interface KnowledgeOptions {
  /** Where the first text of a class comes from; `none`: from `gpt3` alone. Default `wiktionary`. */
  readonly source?: 'wiktionary' | 'wordnet' | 'hierarchy' | 'none';
  /** Whether the free texts come beside the first (`and`), or only where there is none (`then`). Default: not at all. */
  readonly gpt3?: 'and' | 'then';
  /** How many free texts. Default 5. */
  readonly items?: number;
  /** Default `simple`. */
  readonly templates?: Templates;
}

export interface KnowledgePrompts {
  /** Prompts of each class, in the order of the classes. */
  readonly prompts: readonly (readonly string[])[];
  /** Classes that `source` knows something of, and free texts used. */
  readonly covered: number;
  readonly freeTexts: number;
}

/** How many hypernyms are read off a path. */
const PATH_LENGTH = 3;

/** The first text of an entry: undefined where the source has no entry, null where the entry is empty. */
function firstText(entry: Knowledge | undefined, source: string): string | null | undefined {
  if (source === 'none' || entry === undefined) return undefined;
  if (source === 'wiktionary') return entry.def_wiki ?? null;
  if (source === 'wordnet') return entry.def_wn ?? null;
  const path = entry.path_wn ?? [];
  return path.length === 0 ? null : path.slice(0, PATH_LENGTH).join(' ');
}

/**
 * K-LITE's prompts (Shen et al. 2022; microsoft/klite, extract_text_features): each template's prompt, followed by
 * " ; class , text" split into words as NLTK does. A class without any text keeps its plain prompts; one whose entry
 * is empty gets a space behind them, as there.
 *
 * @throws DiptychError BAD_INPUT: no classes, or a class named twice in the knowledge with different texts.
 */
export function knowledgePrompts(
  classes: readonly string[],
  knowledge: readonly Knowledge[],
  options: KnowledgeOptions = {},
): KnowledgePrompts {
  const { source = 'wiktionary', gpt3, items = 5, templates = 'simple' } = options;
  if (classes.length === 0)
    throw new DiptychError('BAD_INPUT', 'expected at least one class', { input: 'classes' });
  const entries = new Map(knowledge.map((entry) => [entry.classname, entry]));
  const patterns = templatesOf(templates);
  let covered = 0;
  let freeTexts = 0;
  const prompts = classes.map((name) => {
    const entry = entries.get(name);
    const texts: (string | null)[] = [];
    const first = firstText(entry, source);
    if (first !== undefined) texts.push(first);
    if (first !== undefined && first !== null && first !== '') covered++;
    if (gpt3 === 'and' || (gpt3 === 'then' && texts.length === 0)) {
      const free = (entry?.gpt3 ?? []).slice(0, items);
      texts.push(...free);
      freeTexts += free.length;
    }
    const plain = patterns.map((pattern) => fillTemplate(pattern, name));
    if (texts.length === 0) return plain;
    return texts.flatMap((text) => {
      const words = text === null ? '' : splitWords(` ; ${name} , ${text}`).join(' ');
      return plain.map((prompt) => `${prompt} ${words}`);
    });
  });
  return { prompts, covered, freeTexts };
}

/** What WordNet knows of each class: definition and hypernym path of its first `senses` senses, as knowledge entries. */
export function wordnetKnowledge(classes: readonly string[], wordnet: WordNet, senses = 1): Knowledge[] {
  return classes.map((classname) => {
    const found = wordnet.synsets(classname.replaceAll(' ', '_')).slice(0, senses);
    const [first] = found;
    if (first === undefined) return { classname, def_wn: null, path_wn: [] };
    return {
      classname,
      def_wn: first.definition,
      path_wn: wordnet.hypernymPath(first),
      gpt3: found.slice(1).map(({ definition }) => definition),
    };
  });
}

/** Reads knowledge files: a JSON list of entries with the key `classname`. Throws BAD_INPUT naming the entry. */
export function parseKnowledge(value: unknown, name: string): Knowledge[] {
  const bad = (message: string): DiptychError => new DiptychError('BAD_INPUT', message, { input: name });
  if (!Array.isArray(value))
    throw bad('expected a JSON list of { classname, def_wiki, def_wn, path_wn, gpt3 }');
  const text = (entry: object, key: string, at: number): string | null => {
    const found: unknown = Object.entries(entry).find(([other]) => other === key)?.[1] ?? null;
    if (found === null || typeof found === 'string') return found;
    throw bad(`entry ${String(at)}: expected ${key} to be a text or null`);
  };
  const list = (entry: object, key: string, at: number): readonly string[] => {
    const found: unknown = Object.entries(entry).find(([other]) => other === key)?.[1] ?? [];
    if (typeof found === 'string') return [found];
    if (Array.isArray(found) && found.every((item): item is string => typeof item === 'string')) return found;
    throw bad(`entry ${String(at)}: expected ${key} to be a list of texts`);
  };
  return value.map((entry: unknown, at) => {
    if (typeof entry !== 'object' || entry === null) throw bad(`entry ${String(at)} is no object`);
    const classname = text(entry, 'classname', at);
    if (classname === null) throw bad(`entry ${String(at)} has no classname`);
    return {
      classname,
      def_wiki: text(entry, 'def_wiki', at),
      def_wn: text(entry, 'def_wn', at),
      path_wn: list(entry, 'path_wn', at),
      gpt3: list(entry, 'gpt3', at),
    };
  });
}
