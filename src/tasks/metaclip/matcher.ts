import { DiptychError } from '../../errors.js';
import { Automaton } from './automaton.js';
import { SpacedText, spacedEntry } from './spacing.js';
import { WordTrie } from './word-trie.js';

/**
 * Finds which metadata entries a text contains, by MetaCLIP's rule (Xu et al. 2023, Algorithm 1; facebookresearch/
 * MetaCLIP, substr_matching.py): the text is spaced, the entries are padded, and an entry matches when it is a
 * substring. Case counts, as there.
 */
export class EntryMatcher {
  readonly entries: number;
  readonly #words: WordTrie;
  readonly #others: Automaton | null;
  readonly #text = new SpacedText();
  /** Entry -> the last text that matched it, so that an entry counts once a text. */
  readonly #seenIn: Int32Array;
  #texts = 0;

  /** `rule`: `spaces` (MetaCLIP 1, the default) or `scripts` (MetaCLIP 2). Throws BAD_INPUT. */
  constructor(entries: readonly string[], rule: 'spaces' | 'scripts' = 'spaces') {
    entries.forEach((entry: unknown, at) => {
      if (typeof entry === 'string' && (rule === 'spaces' || entry !== '')) return;
      const got = entry === '' ? 'an empty one' : typeof entry;
      throw new DiptychError('BAD_INPUT', `expected a string, got ${got}`, {
        input: `entries[${String(at)}]`,
      });
    });
    const inner: string[] = [];
    const innerIds: number[] = [];
    const other: string[] = [];
    const otherIds: number[] = [];
    entries.forEach((entry, id) => {
      const padded = spacedEntry(entry, rule);
      if (padded.length === entry.length + 2) {
        inner.push(entry);
        innerIds.push(id);
      } else {
        other.push(padded);
        otherIds.push(id);
      }
    });
    this.entries = entries.length;
    this.#words = new WordTrie(inner, innerIds, entries.length);
    this.#others = other.length === 0 ? null : new Automaton(other, otherIds, entries.length);
    this.#seenIn = new Int32Array(entries.length);
  }

  /** The positions of the matching entries, ascending. */
  match(text: string): number[] {
    this.#text.set(text);
    const now = ++this.#texts;
    const ids: number[] = [];
    const found = (id: number): void => {
      if (this.#seenIn[id] === now) return;
      this.#seenIn[id] = now;
      ids.push(id);
    };
    this.#words.match(this.#text, found);
    this.#others?.match(this.#text, found);
    return ids.length < 2 ? ids : ids.sort((a, b) => a - b);
  }
}
