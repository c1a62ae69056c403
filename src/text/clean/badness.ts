import { category } from '../unicode/categories.js';
import { classOf } from '../unicode/ranges.js';
import { codecs, type Codec } from './codecs.js';

/**
 * Characters that come up when UTF-8 is read in another encoding, by the company they normally keep; the
 * classes and the pairs below are those of ftfy 6.3.1's heuristic (Robyn Speer, Apache-2.0), so that the same
 * texts are mended. Written as the inside of a character class.
 */
const common = '\\xa0\\xad\\xb7\\xb4\\u2013\\u2014\\u2015\\u2026\\u2019';
const c1 = '\\x80-\\x9f';
const bad =
  '\xa6\xa4\xa8\xac\xaf\xb8\u0192\u02c6\u02c7\u02d8\u02db\u02dc\u2020\u2021\u2030\u2310\u25ca\ufffd\xaa\xba';
const law = '\xb6\xa7';
const currency = '\xa2\xa3\xa5\u20a7\u20ac';
const opening = '\xa1\xab\xbf\xa9\u0384\u0385\u2018\u201a\u201c\u201e\u2022\u2039\uf8ff';
const closing = '\xae\xbb\u02dd\u201d\u203a\u2122';
const numeric =
  '\xb2\xb3\xb9\xb1\xbc\xbd\xbe\xd7\xb5\xf7\u2044\u2202\u2206\u220f\u2211\u221a\u221e\u2229\u222b\u2248\u2260\u2261\u2264\u2265\u2116';
/** Letters with which faces are drawn. */
const kaomoji = 'Ò-ÖÙ-Üò-öø-üŐŌŪŲ\xb0';
const upperAccented = 'À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ';
const lowerAccented = 'ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґ\ufb01\ufb02';
const upperCommon = 'ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я';
const lowerCommon = 'α-ωάέήίΰа-џ';
const box = '│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓';
/** Python's str.isspace and \w. */
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const WORD = `[${classOf(category('python', 'L') ?? [])}${classOf(category('python', 'N') ?? [])}_]`;

const any = (...classes: readonly string[]): string => `[${classes.join('')}]`;
const accented = lowerAccented + upperAccented;
const marks = box + opening + closing + currency + numeric + law;
const arabic = `[ØÙ]${any(common, currency, bad, numeric, opening, 'ŸŠ®°µ»')}`;

/** Pairs and triples that hardly ever stand together in a text that was read in the right encoding. */
const PAIRS: readonly string[] = [
  any(c1),
  any(bad, accented, marks) + any(bad),
  `[a-zA-Z]${any(lowerCommon, upperCommon)}${any(bad)}`,
  any(bad) + any(accented, marks),
  any(lowerAccented, lowerCommon, box, closing, currency, numeric) + any(upperAccented),
  any(box, closing, currency, numeric) + any(lowerAccented),
  any(lowerAccented, box, closing) + any(currency),
  SPACE + any(upperAccented) + any(currency),
  any(upperAccented, box) + any(numeric, law),
  any(accented, box, currency, closing) + any(opening) + any(numeric),
  any(accented, currency, numeric, box, law) + any(closing) + any(opening),
  any(currency, numeric, box) + any(opening),
  `[a-z]${any(upperAccented)}${any(opening, currency)}`,
  any(box) + any(kaomoji),
  any(accented, currency, numeric, opening, closing, law) + any(box),
  any(box) + any(closing),
  any(accented) + any(opening, closing) + WORD,
  '[Œœ][^A-Za-z]',
  `${any(upperAccented)}°`,
  // Windows-1252, two characters
  `[ÂÃÎÐ]${any('€œŠš¢£Ÿž\\xa0\\xad®©°·»', opening, closing, '–—´')}`,
  '×[²³]',
  // Windows-1252, Arabic: the characters are common ones, so four are asked for
  arabic + arabic,
  // Windows-1252, South Asian alphabets
  'à[²µ¹¼½¾]',
  // Mac Roman
  '√[±∂†≠®™´≤≥¥µø]',
  '≈[°¢]',
  '‚Ä[ìîïòôúùû†°¢π]',
  '‚[âó][àä°ê]',
  // Windows-1251: U+2000.., then Latin-1 and Cyrillic, then both on top of each other
  'вЂ',
  `[ВГРС]${any(c1, bad, opening, closing, currency, '°µ')}[ВГРС]`,
  'ГўВЂВ.[A-Za-z ]',
  // Windows-1252: a with grave or acute, no-break space
  'Ã[\\xa0¡]',
  `[a-z]${SPACE}?[ÃÂ][ ]`,
  '^[ÃÂ][ ]',
  `[a-z.,?!${closing}]Â[ ${opening}${closing}]`,
  // Windows-1253: U+2000.., then Latin-1 and Greek
  'β€[™\\xa0Ά\\xad®°]',
  `[ΒΓΞΟ]${any(c1, bad, opening, closing, currency, '°')}[ΒΓΞΟ]`,
  // Windows-1257: U+2000..
  'ā€',
];

const BAD = new RegExp(PAIRS.join('|'), 'u');

/** Whether a text looks as if it had been read in the wrong encoding. */
export function isBad(text: string): boolean {
  return BAD.test(text);
}

/** What the bytes from `low` to `high` are in the encodings that are like Latin-1. */
function readings(low: number, high: number): string {
  const likeLatin = codecs.filter((codec: Codec) => !/8859|mac|437/.test(codec.name));
  const all = likeLatin.flatMap((codec) => Array.from(codec.high.slice(low - 0x80, high - 0x7f)));
  return [...new Set(all)].join('');
}

const continuation = readings(0x80, 0xbf);
/** Dashes, quotes, bullets and ellipses stand for themselves often enough. */
const plain = /[\u2013-\u2015\u2018-\u201e\u2022\u2026]/g;
const strictContinuation = continuation.replace(plain, '');
const follow = `[${continuation} ]`;

/**
 * Runs of characters that read like UTF-8 sequences within a text that cannot be mended as a whole. Not right
 * after another such character: that would mend a few letters of a garble and leave the rest worse.
 */
export const UTF8_RUNS = new RegExp(
  `(?<![${strictContinuation}])(?:[${readings(0xc2, 0xdf)}]${follow}|[${readings(0xe0, 0xef)}]${follow}{2}` +
    `|[${readings(0xf0, 0xf0)}${readings(0xf3, 0xf3)}]${follow}{3})+`,
  'gu',
);
