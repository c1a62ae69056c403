import { editDistance } from '../options.js';

/** Prefixes that other programs put before a model's name. */
const PREFIX = /^(open_clip:|openclip:|hf-hub:|hf_clip:|hf:|local-dir:|clip:|https:\/\/huggingface\.co\/)/i;

/**
 * What is compared when a model is looked up: the prefix, letter case, the difference of `-` and `_`, and the
 * separator between architecture and tag (`/`, `,`, `:`, `::`, `__`) do not count.
 */
export function nameKey(name: string): string {
  return name
    .trim()
    .replace(PREFIX, '')
    .replace(/\/+$/, '')
    .toLowerCase()
    .replace(/\s*(::|__|,|:|\/)\s*/g, '/')
    .replaceAll('_', '-');
}

/** The ways in which programs write open_clip's `architecture/tag`. */
export function spellings(pair: string): string[] {
  const cut = pair.indexOf('/');
  const architecture = pair.slice(0, cut);
  const tag = pair.slice(cut + 1);
  return [pair, `${architecture},${tag}`, `${architecture}::${tag}`, `${architecture}__${tag}`];
}

/** Distance from which on a name is no likely mistake for another. */
const FAR = 0.45;

/** Words of a name, for names that hold the right words in another order or with others between them. */
function words(key: string): Set<string> {
  return new Set(key.split(/[^a-z0-9.]+/).filter((word) => word !== ''));
}

/**
 * The names nearest to a wanted one, best first, one per model: by typing distance relative to the length, and by
 * shared words. Empty where nothing is near.
 */
export function nearNames(
  wanted: string,
  known: readonly { readonly alias: string; readonly name: string }[],
  most = 5,
): string[] {
  const key = nameKey(wanted);
  if (key === '') return [];
  const wantedWords = words(key);
  const best = new Map<string, number>();
  for (const { alias, name } of known) {
    const other = nameKey(alias);
    const longer = Math.max(key.length, other.length);
    const typing = Math.abs(key.length - other.length) / longer > FAR ? 1 : editDistance(key, other) / longer;
    const otherWords = words(other);
    const shared = [...wantedWords].filter((word) => otherWords.has(word)).length;
    const wording = 1 - (2 * shared) / (wantedWords.size + otherWords.size);
    const distance = Math.min(typing, wording + 0.1);
    if (distance < (best.get(name) ?? Infinity)) best.set(name, distance);
  }
  return [...best]
    .filter(([, distance]) => distance <= FAR)
    .sort((a, b) => a[1] - b[1])
    .slice(0, most)
    .map(([name]) => name);
}
