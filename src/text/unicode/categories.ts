import { either, union, unpack, type Runs } from './ranges.js';
import { CATEGORIES, ONIGURUMA, ONIGURUMA_WORD, PYTHON, RUST_WORD } from './tables.js';

/** Two-letter categories in the order of the letters that stand for them in the tables. */
const NAMES =
  'Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs'.split(' ');
const CODES = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%';

/**
 * Whose characters: Python's `regex` module (CLIP's tokenizers), Python's unicodedata (cn_clip, str.lower), Oniguruma
 * (the patterns of a tokenizer.json in Rust's tokenizers).
 */
export type Implementation = 'regex' | 'python' | 'oniguruma';

const tables = new Map<Implementation, ReadonlyMap<string, Runs>>();

function table(of: Implementation): ReadonlyMap<string, Runs> {
  const known = tables.get(of);
  if (known !== undefined) return known;
  const made = of === 'regex' ? base() : changed(of === 'python' ? PYTHON : ONIGURUMA);
  tables.set(of, made);
  return made;
}

const nameOf = (code: string): string => NAMES[CODES.indexOf(code)] ?? 'Cn';

function base(): Map<string, Runs> {
  const out = new Map<string, [number, number][]>(NAMES.map((name) => [name, []]));
  let at = 0;
  for (const [, length = '', code = ''] of CATEGORIES.matchAll(/([0-9a-z]*)([A-Z!#$%])/g)) {
    const end = at + (length === '' ? 1 : Number.parseInt(length, 36));
    out.get(nameOf(code))?.push([at, end - 1]);
    at = end;
  }
  return out;
}

function changed(changes: string): Map<string, Runs> {
  const moved = new Map(
    changes.split(';').map((group): [string, Runs] => [nameOf(group.slice(0, 1)), unpack(group.slice(1))]),
  );
  const elsewhere = union(...moved.values());
  return new Map(
    [...table('regex')].map(([name, runs]): [string, Runs] => [
      name,
      union(without(runs, elsewhere), moved.get(name) ?? []),
    ]),
  );
}

function without(runs: Runs, removed: Runs): Runs {
  return either(union(runs, removed), removed);
}

/**
 * The code points of a general category ("Lu") or group of them ("L"), as an implementation sees them; undefined for
 * anything else.
 */
export function category(of: Implementation, name: string): Runs | undefined {
  const all = table(of);
  const names = [...all.keys()].filter((key) => key === name || (name.length === 1 && key.startsWith(name)));
  return names.length === 0 ? undefined : union(...names.map((key) => all.get(key) ?? []));
}

/** Code points that an implementation knows no character for. */
export function unassigned(of: Implementation): Runs {
  return table(of).get('Cn') ?? [];
}

/** \w of Oniguruma, and of Rust's own regular expressions. */
export function word(of: 'oniguruma' | 'rust'): Runs {
  const runs = unpack(ONIGURUMA_WORD);
  return of === 'oniguruma' ? runs : either(runs, unpack(RUST_WORD));
}
