/** The sequence that `{from..to}` or `{from..to..step}` stands for, zeros in front kept; null for anything else. */
function* range(body: string): Generator<string, void, undefined> {
  const match = /^(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?$/.exec(body);
  if (match === null) return;
  const [, first = '', last = '', given] = match;
  const [from, to] = [Number(first), Number(last)];
  const step = Math.max(1, Math.abs(Number(given ?? 1)));
  const padded = [first, last].some((text) => /^-?0\d/.test(text));
  const width = padded ? Math.max(first.length, last.length) : 0;
  const text = (value: number): string =>
    value < 0 ? `-${String(-value).padStart(width - 1, '0')}` : String(value).padStart(width, '0');
  for (let at = 0; at * step <= Math.abs(to - from); at++) {
    yield text(from <= to ? from + at * step : from - at * step);
  }
}

/** Positions of the first brace with a sequence in it. */
function firstRange(pattern: string): { readonly from: number; readonly to: number } | null {
  const match = /\{-?\d+\.\.-?\d+(?:\.\.-?\d+)?\}/.exec(pattern);
  return match === null ? null : { from: match.index, to: match.index + match[0].length };
}

/** Whether {@link expandBraces} makes more of it than it is. */
export const hasBraceRange = (pattern: string): boolean => firstRange(pattern) !== null;

/**
 * What the sequences of a pattern stand for, as shells and webdataset expand them: `{00000..00041}.tar` is 42 names,
 * `{0..10..5}` is 0, 5 and 10; several sequences multiply, the last running fastest. One name at a time, so that a
 * pattern for a billion costs nothing. Lists (`{a,b}`) are left as they are: globs know them.
 */
export function* expandBraces(pattern: string): Generator<string, void, undefined> {
  const found = firstRange(pattern);
  if (found === null) {
    yield pattern;
    return;
  }
  const [before, after] = [pattern.slice(0, found.from), pattern.slice(found.to)];
  for (const value of range(pattern.slice(found.from + 1, found.to - 1))) {
    for (const rest of expandBraces(after)) yield `${before}${value}${rest}`;
  }
}
