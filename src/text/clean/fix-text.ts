import { fixEncoding, fixC1Controls } from './fix-encoding.js';
import { entities } from './html-entities.js';
import { unescapeHtml } from './html.js';
import { category } from '../unicode/categories.js';
import { classOf } from '../unicode/ranges.js';
import { normalizePython } from '../unicode/transform.js';

const LIGATURES: ReadonlyMap<string, string> = new Map([
  ['\u0132', 'IJ'],
  ['\u0133', 'ij'],
  ['\u0149', '\u02bcn'],
  ['\u01f1', 'DZ'],
  ['\u01f2', 'Dz'],
  ['\u01f3', 'dz'],
  ['\u01c4', 'D\u017d'],
  ['\u01c5', 'D\u017e'],
  ['\u01c6', 'd\u017e'],
  ['\u01c7', 'LJ'],
  ['\u01c8', 'Lj'],
  ['\u01c9', 'lj'],
  ['\u01ca', 'NJ'],
  ['\u01cb', 'Nj'],
  ['\u01cc', 'nj'],
  ['\ufb00', 'ff'],
  ['\ufb01', 'fi'],
  ['\ufb02', 'fl'],
  ['\ufb03', 'ffi'],
  ['\ufb04', 'ffl'],
  ['\ufb05', '\u017ft'],
  ['\ufb06', 'st'],
]);
const LIGATURE = new RegExp(`[${[...LIGATURES.keys()].join('')}]`, 'g');
const ENTITY = /&#?[0-9A-Za-z]{1,24};/g;
/** Terminal escapes begin with ESC. */
const TERMINAL = new RegExp(`\\x1b\\[[${classOf(category('python', 'Nd') ?? [])};]*[a-zA-Z]`, 'gu');
// eslint-disable-next-line no-control-regex -- these are the characters to remove
const CONTROLS = /[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;
/** Texts of printable ASCII without "&": no step below changes them. */
const PLAIN = /^[\n\x20-%'-~]*$/;

/**
 * ftfy.fix_text 6.3.1 with its default settings: entities, mojibake, ligatures, character width, quotes, line
 * breaks, terminal escapes and controls, NFC, line by line until nothing changes. Behaviour after Robyn
 * Speer's ftfy (Apache-2.0), checked against it by test/parity and docs/text.md's command.
 */
export function fixText(text: string): string {
  if (PLAIN.test(text)) return text;
  // Once a line holds a "<" the text is taken for HTML, whose entities stay, to its end.
  let unescape = true;
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      if (line.includes('<')) unescape = false;
      return fixLine(line, unescape);
    })
    .join('');
}

function fixLine(line: string, unescape: boolean): string {
  let text = line;
  for (;;) {
    const before = text;
    if (unescape) text = text.replace(ENTITY, unescapeStrict);
    text = fixEncoding(text);
    text = fixC1Controls(text)
      .replace(LIGATURE, (character) => LIGATURES.get(character) ?? character)
      .replace(/[\u3000\uff01-\uffef]/g, (character) =>
        character === '\u3000' ? ' ' : normalizePython(character, 'NFKC'),
      )
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n')
      .replace(TERMINAL, '')
      .replace(CONTROLS, '');
    text = normalizePython(text, 'NFC');
    if (text === before) return text;
  }
}

/** Only whole references with a semicolon; lower-case names also in capitals ("P&EACUTE;REZ"). */
function unescapeStrict(reference: string): string {
  if (reference.startsWith('&#')) {
    const text = unescapeHtml(reference);
    return text.includes(';') ? reference : text;
  }
  const name = reference.slice(1);
  const known = entities.get(name);
  if (known !== undefined) return known;
  const small = entities.get(name.toLowerCase());
  const shouted = small !== undefined && name === name.toUpperCase() && unescapeHtml(reference) === reference;
  return shouted ? small.toUpperCase() : reference;
}
