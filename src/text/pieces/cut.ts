/** SentencePiece's mark for a space. */
export const MARK = '\u2581';

/** Cuts before each mark that follows another character: into words, each with its marks in front. */
export function cutBefore(text: string, mark: string): string[] {
  const out: string[] = [];
  let start = 0;
  for (let next = text.indexOf(mark, 1); next >= 0; next = text.indexOf(mark, next + 1)) {
    if (text[next - 1] === mark) continue;
    out.push(text.slice(start, next));
    start = next;
  }
  out.push(text.slice(start));
  return out;
}

/** Whether no piece reaches over the start of a word, so that words can be segmented one by one. */
export function keepsWords(pieces: Iterable<string>): boolean {
  for (const piece of pieces) {
    const last = piece.lastIndexOf(MARK);
    if (last > 0 && piece.slice(0, last).replaceAll(MARK, '') !== '') return false;
  }
  return true;
}
