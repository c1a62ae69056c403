/** How Python measures texts, where a rule is defined by it. */

/** What str.split() splits at: Python's whitespace, which is not JavaScript's (no BOM, but the file separators). */
// eslint-disable-next-line no-control-regex -- the separators are the point
const PYTHON_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** str.split() */
export function pythonWords(text: string): string[] {
  return text.split(PYTHON_SPACE).filter((word) => word !== '');
}

/** len(str): code points. */
export function pythonLength(text: string): number {
  return Array.from(text).length;
}

/** len(fasttext.tokenize(str)): words between ASCII blanks, and one token for each line end. */
export function fasttextTokens(text: string): number {
  const words = text.split(/[ \n\r\t\v\f\0]+/).filter((word) => word !== '').length;
  return words + (text.match(/\n/g)?.length ?? 0);
}
