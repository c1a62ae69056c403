import { encode } from 'fast-png';
import { ADVANCE, CAPITAL_HEIGHT, drawable, GLYPH_HEIGHT, GLYPH_WIDTH, glyphPixel } from './bitmap-font.js';
import type { Color } from './color-map.js';

/** An RGB picture that rectangles and text can be drawn on. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #data: Uint8Array;

  constructor(width: number, height: number, background: Color) {
    this.width = width;
    this.height = height;
    this.#data = new Uint8Array(width * height * 3);
    this.fill(0, 0, width, height, background);
  }

  /** A rectangle; what lies outside the canvas is left out. */
  fill(left: number, top: number, width: number, height: number, [r, g, b]: Color): void {
    const right = Math.min(this.width, left + width);
    const bottom = Math.min(this.height, top + height);
    for (let y = Math.max(0, top); y < bottom; y++) {
      for (let x = Math.max(0, left); x < right; x++) {
        const at = (y * this.width + x) * 3;
        this.#data[at] = r;
        this.#data[at + 1] = g;
        this.#data[at + 2] = b;
      }
    }
  }

  /** Text from its top left corner, each pixel of the font `scale` pixels wide. */
  text(left: number, top: number, text: string, color: Color, scale: number): void {
    this.#eachPixel(text, (x, y) => {
      this.fill(left + x * scale, top + y * scale, scale, scale, color);
    });
  }

  /** Text that reads from bottom to top; (left, bottom) is where it begins. */
  textUpwards(left: number, bottom: number, text: string, color: Color, scale: number): void {
    this.#eachPixel(text, (x, y) => {
      this.fill(left + y * scale, bottom - (x + 1) * scale, scale, scale, color);
    });
  }

  #eachPixel(text: string, draw: (x: number, y: number) => void): void {
    [...drawable(text)].forEach((character, position) => {
      for (let y = 0; y < GLYPH_HEIGHT; y++) {
        for (let x = 0; x < GLYPH_WIDTH; x++) {
          if (glyphPixel(character, x, y)) draw(position * ADVANCE + x, y);
        }
      }
    });
  }

  png(): Uint8Array {
    return encode({ width: this.width, height: this.height, data: this.#data, channels: 3, depth: 8 });
  }
}

/** Width of a text in pixels. */
export function textWidth(text: string, scale: number): number {
  return Math.max(0, [...drawable(text)].length * ADVANCE - 1) * scale;
}

/** Height of capitals: what looks centred when it is centred. */
export const textHeight = (scale: number): number => CAPITAL_HEIGHT * scale;
