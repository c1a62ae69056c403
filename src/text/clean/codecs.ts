import { codePages } from './code-pages.js';

/** A single-byte encoding: bytes are kept as Latin-1 strings, so that patterns can be written over them. */
export interface Codec {
  readonly name: string;
  /** Unassigned bytes stand for the code points of their number, and byte 0x1A for U+FFFD. */
  readonly sloppy: boolean;
  /** The characters of the bytes 0x80..0xFF. */
  readonly high: string;
  /** The bytes of a text, or null when a character has none. */
  encode(text: string): string | null;
}

function codec(name: string, page: string, sloppy: boolean): Codec {
  const high = Array.from(page, (character, index) =>
    sloppy && character === '\ufffd' ? String.fromCodePoint(0x80 + index) : character,
  ).join('');
  const bytes = new Map(
    Array.from(high, (character, index) => [character, String.fromCharCode(0x80 + index)]),
  );
  if (sloppy) bytes.set('\ufffd', '\x1a');
  return {
    name,
    sloppy,
    high,
    encode(text) {
      let out = '';
      for (const character of text) {
        const plain = character <= '\x7f' && !(sloppy && character === '\x1a');
        const byte = plain ? character : bytes.get(character);
        if (byte === undefined) return null;
        out += byte;
      }
      return out;
    },
  };
}

const latin1 = Array.from({ length: 128 }, (_, index) => String.fromCodePoint(0x80 + index)).join('');

/** The encodings in which UTF-8 is misread, in the order in which ftfy tries them. */
export const codecs: readonly Codec[] = [
  codec('latin-1', latin1, false),
  codec('windows-1252', codePages.cp1252, true),
  codec('windows-1251', codePages.cp1251, true),
  codec('windows-1250', codePages.cp1250, true),
  codec('windows-1253', codePages.cp1253, true),
  codec('windows-1254', codePages.cp1254, true),
  codec('windows-1257', codePages.cp1257, true),
  codec('iso-8859-2', codePages.iso8859_2, false),
  codec('macroman', codePages.mac_roman, false),
  codec('cp437', codePages.cp437, false),
];

/** Windows-1252 for one byte in 0x80..0x9F; unassigned ones stay as they are. */
export function windows1252(character: string): string {
  const position = (character.codePointAt(0) ?? 0x80) - 0x80;
  const found = codePages.cp1252[position];
  return found === undefined || found === '\ufffd' ? character : found;
}

/** Whether Windows-1252 proper leaves this byte unassigned. */
export function isUnassigned(character: string): boolean {
  const position = (character.codePointAt(0) ?? 0) - 0x80;
  return position >= 0 && codePages.cp1252[position] === '\ufffd';
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Java's null, and CESU-8: a character beyond the BMP as two three-byte surrogates. */
const VARIANTS = /\xc0\x80|\xed([\xa0-\xaf])([\x80-\xbf])\xed([\xb0-\xbf])([\x80-\xbf])/g;

/** Bytes read as UTF-8, with CESU-8 and Java's null when `variants`; null when they are not. */
export function decodeUtf8(bytes: string, variants: boolean): string | null {
  try {
    if (!variants) return strict.decode(Buffer.from(bytes, 'latin1'));
    let out = '';
    let last = 0;
    for (const match of bytes.matchAll(VARIANTS)) {
      out += strict.decode(Buffer.from(bytes.slice(last, match.index), 'latin1'));
      out += match[1] === undefined ? '\0' : surrogates(match);
      last = match.index + match[0].length;
    }
    return out + strict.decode(Buffer.from(bytes.slice(last), 'latin1'));
  } catch {
    // The decoder throws on malformed input: the answer is that these bytes are no UTF-8.
    return null;
  }
}

function surrogates(match: RegExpExecArray): string {
  const [, a = '', b = '', c = '', d = ''] = match;
  const code = (character: string): number => character.charCodeAt(0);
  return String.fromCodePoint(
    0x10000 +
      ((code(a) & 0x0f) << 16) +
      ((code(b) & 0x3f) << 10) +
      ((code(c) & 0x0f) << 6) +
      (code(d) & 0x3f),
  );
}
