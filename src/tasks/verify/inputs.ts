import { encode } from 'fast-png';
import { randomFrom } from '../generate/random.js';

/** Texts that tokenizers get wrong, among plain ones. */
export const TEXTS: readonly string[] = [
  'a photo of a cat',
  'a photo of a dog',
  'a red car on a street',
  'A Diagram, With Capitals!',
  'two people; three bicycles (and a tree)',
  'it\u2019s a \u201cquoted\u201d caf\u00e9 \u2014 na\u00efve',
  'fish &amp; chips &lt;3',
  'a rocket \u{1F680} at night',
  'the quick brown fox jumps over the lazy dog near 1,234 tiles',
  '\u4e24\u53ea\u732b',
  '  spaces   and\ttabs  ',
  'sch\u00c3\u00b6n',
  '',
];

/** A text that no context holds. */
export const LONG_TEXT = 'many words about one picture '.repeat(120);

type Paint = (x: number, y: number, random: () => number) => readonly [number, number, number];

const PAINTS: readonly Paint[] = [
  (x, y) => [x % 256, y % 256, (x + y) % 256],
  (x, y) => (((x >> 4) + (y >> 4)) % 2 === 0 ? [250, 250, 250] : [10, 10, 10]),
  (_x, _y, random) => [random() * 256, random() * 256, random() * 256],
  (x, y) => ((x - 120) ** 2 + (y - 110) ** 2 < 6000 ? [220, 30, 40] : [40, 90, 200]),
  (x) => (x % 24 < 12 ? [240, 200, 20] : [20, 60, 20]),
  (_x, y) => [y % 256, 128, 255 - (y % 256)],
];

/** Sides of the built-in pictures: square, odd, wide, tall. */
const SIZES: readonly (readonly [number, number])[] = [
  [256, 256],
  [341, 227],
  [223, 449],
  [640, 200],
];

export interface TestImage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Pictures made here, the same on every machine: PNG, so that no decoder can differ. */
export function testImages(): TestImage[] {
  return PAINTS.flatMap((paint, kind) =>
    SIZES.map(([width, height], shape) => {
      const random = randomFrom(kind, shape);
      const data = new Uint8Array(width * height * 3);
      for (let at = 0; at < width * height; at++) {
        data.set(paint(at % width, Math.floor(at / width), random).map(Math.floor), at * 3);
      }
      return {
        name: `picture ${String(kind + 1)}, ${String(width)} x ${String(height)}`,
        bytes: encode({ width, height, data, channels: 3, depth: 8 }),
      };
    }),
  );
}
