/**
 * SentencePiece's precompiled character map: a double-array trie over UTF-8 bytes whose leaves point into a
 * block of replacements, each closed by a zero byte. Layout: u32 size of the trie in bytes, trie, block.
 * Source: sentencepiece/src/normalizer.cc and darts-clone's unit layout.
 */
export class CharsMap {
  readonly #units: Uint32Array;
  readonly #block: Buffer;

  /** Throws RangeError when the blob is no such map. */
  constructor(blob: Buffer) {
    const size = blob.length >= 4 ? blob.readUInt32LE(0) : 0;
    if ((blob.length > 0 && blob.length < 4) || size % 4 !== 0 || (size > 0 && 4 + size > blob.length))
      throw new RangeError('the character map is cut');
    this.#units = new Uint32Array(size / 4);
    for (let at = 0; at < this.#units.length; at++) this.#units[at] = blob.readUInt32LE(4 + at * 4);
    this.#block = blob.subarray(4 + size);
  }

  /** Whether no entry is made of printable ASCII alone: such a text stays as it is. */
  #keepsAscii: boolean | undefined;

  #isStable(text: string): boolean {
    if (!PRINTABLE.test(text)) return false;
    this.#keepsAscii ??= this.#checkAscii();
    return this.#keepsAscii;
  }

  #checkAscii(): boolean {
    for (let first = 0x20; first < 0x7f; first++) {
      const one = this.#step(offset(this.#units[0] ?? 0), first);
      if (one === null) continue;
      if (one.leaf) return false;
      for (let second = 0x20; second < 0x7f; second++)
        if (this.#step(one.node, second) !== null) return false;
    }
    return true;
  }

  /** The node after a byte, and whether an entry ends there; null where no entry goes on so. */
  #step(node: number, byte: number): { node: number; leaf: boolean } | null {
    const at = node ^ byte;
    const unit = this.#units[at] ?? 0;
    // Label (low byte, with the leaf bit) must equal the byte.
    if ((unit & 0x800000ff) >>> 0 !== byte) return null;
    return { node: at ^ offset(unit), leaf: ((unit >>> 8) & 1) === 1 };
  }

  get empty(): boolean {
    return this.#units.length === 0;
  }

  /**
   * SentencePiece's own way: at each position the longest entry is replaced, else one character is kept.
   */
  normalizeLongest(text: string): string {
    if (this.empty || this.#isStable(text)) return text;
    const bytes = Buffer.from(text, 'utf8');
    const parts: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      const match = this.#lookup(bytes, at, true);
      if (match === undefined) {
        const width = utf8Width(bytes[at] ?? 0);
        parts.push(bytes.subarray(at, at + width));
        at += width;
      } else {
        parts.push(match.value);
        at += match.length;
      }
    }
    return Buffer.concat(parts).toString('utf8');
  }

  /**
   * Hugging Face's way: a grapheme of fewer than six bytes is replaced whole by the first (shortest) entry
   * that begins it; of any other, each character by itself.
   */
  normalizeGraphemes(text: string): string {
    if (this.empty || this.#isStable(text)) return text;
    let out = '';
    for (const grapheme of graphemes(text)) {
      const whole = Buffer.byteLength(grapheme, 'utf8') < 6 ? this.#replace(grapheme) : undefined;
      if (whole !== undefined) {
        out += whole;
        continue;
      }
      for (const character of grapheme) out += this.#replace(character) ?? character;
    }
    return out;
  }

  readonly #known = new Map<string, string | undefined>();

  #replace(chunk: string): string | undefined {
    if (this.#known.has(chunk)) return this.#known.get(chunk);
    const value = this.#lookup(Buffer.from(chunk, 'utf8'), 0, false)?.value.toString('utf8');
    if (this.#known.size > 1 << 16) this.#known.clear();
    this.#known.set(chunk, value);
    return value;
  }

  #lookup(bytes: Buffer, start: number, longest: boolean): { value: Buffer; length: number } | undefined {
    let found: { value: Buffer; length: number } | undefined;
    let node = offset(this.#units[0] ?? 0);
    for (let at = start; at < bytes.length; at++) {
      const next = this.#step(node, bytes[at] ?? 0);
      if (next === null) break;
      node = next.node;
      if (!next.leaf) continue;
      const leaf = (this.#units[node] ?? 0) & 0x7fffffff;
      const end = this.#block.indexOf(0, leaf);
      found = { value: this.#block.subarray(leaf, end < 0 ? undefined : end), length: at + 1 - start };
      if (!longest) break;
    }
    return found;
  }
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function utf8Width(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

const PRINTABLE = /^[\x20-\x7e]*$/;
/** Made when it is first needed: it takes 20 ms, and every command loads this module. */
let segmenter: Intl.Segmenter | null = null;
// eslint-disable-next-line no-control-regex -- ASCII without CR, whose only multi-character grapheme is CR LF
const PLAIN = /^[\x00-\x0c\x0e-\x7f]*$/;

function graphemes(text: string): Iterable<string> {
  return PLAIN.test(text) ? text : segments(text);
}

function* segments(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' });
  for (const part of segmenter.segment(text)) yield part.segment;
}
