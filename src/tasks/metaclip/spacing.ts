/** How MetaCLIP pads the strings to look for, so that matching substrings means matching words. */

/** Ranges of scripts written without spaces: CJK, Thai, Lao, Burmese, Khmer, Tibetan. */
const UNSPACED: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b820, 0x2ceaf],
  [0x2ceb0, 0x2ebef],
  [0xf900, 0xfaff],
  [0x2e80, 0x2eff],
  [0x2f00, 0x2fdf],
  [0x2ff0, 0x2fff],
  [0x0e00, 0x0e7f],
  [0x0e80, 0x0eff],
  [0x1000, 0x109f],
  [0x1780, 0x17ff],
  [0x0f00, 0x0fff],
];
const PUNCTUATION = new Set([
  ...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
  ...'，。、；：？！“”‘’（）【】《》〈〉「」『』～—',
]);

/** Whether a character needs no space beside it: it belongs to such a script, or is punctuation. */
function standsAlone(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return PUNCTUATION.has(char) || UNSPACED.some(([from, to]) => code >= from && code <= to);
}

/**
 * The string to look for: `spaces` (MetaCLIP 1) pads every entry with a space on both sides, `scripts` (MetaCLIP 2)
 * only at an end that is neither of an unspaced script nor punctuation.
 */
export function spacedEntry(entry: string, rule: 'spaces' | 'scripts'): string {
  if (rule === 'spaces') return ` ${entry} `;
  const chars = [...entry];
  const before = standsAlone(chars[0] ?? '') ? '' : ' ';
  const after = standsAlone(chars[chars.length - 1] ?? '') ? '' : ' ';
  return before + entry + after;
}
