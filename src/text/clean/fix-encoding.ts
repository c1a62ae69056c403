import { isBad, UTF8_RUNS } from './badness.js';
import { codecs, decodeUtf8, isUnassigned, windows1252, type Codec } from './codecs.js';

// eslint-disable-next-line no-control-regex -- ASCII is what is meant
const ASCII = /^[\x00-\x7f]*$/;

/**
 * UTF-8 sequences in which a no-break space (0xA0) became a plain one. Lead bytes after which that would give
 * unlikely letters are left out, as ftfy does.
 */
const SPACED = new RegExp(
  [
    '[\\xc2\\xc3\\xc5\\xce\\xd0\\xd9] ',
    '[\\xe2\\xe3] [\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf]',
    '[\\xe0-\\xe3][\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf] ',
    '\\xf0 [\\x80-\\xbf]{2}',
    '\\xf0[\\x80-\\xbf] [\\x80-\\xbf]',
    '\\xf0[\\x80-\\xbf]{2} ',
  ].join('|'),
  'g',
);
/** "à" as a word of its own keeps the space after it; the Portuguese contractions do not. */
const A_GRAVE = /\xc3 (?! |quele|quela|quilo|s )/g;

/** UTF-8 sequences that lost bytes to U+FFFD (0x1A here) or, once at most, to "?". */
const LOSSY = new RegExp(
  [
    '[\\xc2-\\xdf]\\x1a',
    '[\\xc2\\xc3]\\?',
    '\\xed[\\xa0-\\xaf][\\x1a?]\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]',
    '\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf][\\x1a?]',
    '[\\xe0-\\xef][\\x1a?][\\x1a\\x80-\\xbf]',
    '[\\xe0-\\xef][\\x1a\\x80-\\xbf][\\x1a?]',
    '[\\xf0-\\xf4][\\x1a?][\\x1a\\x80-\\xbf]{2}',
    '[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a?][\\x1a\\x80-\\xbf]',
    '[\\xf0-\\xf4][\\x1a\\x80-\\xbf]{2}[\\x1a?]',
    '\\x1a',
  ].join('|'),
  'g',
);
const REPLACEMENT = '\xef\xbf\xbd';

/** Mends text that was read in the wrong encoding, again and again until nothing changes. */
export function fixEncoding(text: string): string {
  let now = text;
  for (;;) {
    const next = fixOnce(now);
    if (next === now) return now;
    now = next;
  }
}

function fixOnce(text: string): string {
  if (ASCII.test(text) || !isBad(text)) return text;
  let latin1: string | null = null;
  for (const codec of codecs) {
    const bytes = codec.encode(text);
    if (bytes === null) continue;
    if (codec.name === 'latin-1') latin1 = bytes;
    const fixed = reread(bytes, codec);
    if (fixed !== null) return fixed;
  }
  const inside = text.replace(UTF8_RUNS, (run) =>
    run.length < text.length && isBad(run) ? fixEncoding(run) : run,
  );
  if (inside !== text) return inside;
  if (latin1 !== null && !Array.from(latin1).some(isUnassigned)) {
    const windows = latin1.replace(/[\x80-\x9f]/g, windows1252);
    if (windows !== text) return windows;
  }
  return fixC1Controls(text);
}

/** The bytes as UTF-8, with lost spaces and bytes made good where the codec allows it. */
function reread(original: string, codec: Codec): string | null {
  let bytes = original;
  // In Mac Roman the pattern would be an en dash and a space.
  if (codec.name !== 'macroman' && bytes.search(SPACED) >= 0) {
    bytes = bytes
      .replace(A_GRAVE, '\xc3\xa0 ')
      .replace(SPACED, (sequence) => sequence.replaceAll(' ', '\xa0'));
  }
  if (codec.sloppy) bytes = bytes.replace(LOSSY, REPLACEMENT);
  return decodeUtf8(bytes, /[\xed\xc0]/.test(bytes));
}

/** C1 controls read as Windows-1252, as browsers do. */
export function fixC1Controls(text: string): string {
  return text.replace(/[\x80-\x9f]/g, windows1252);
}
