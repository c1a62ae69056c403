/** An 8-bit sRGB colour. */
export type Color = readonly [r: number, g: number, b: number];

const STEPS = 256;
/** Lightness rises evenly from dark blue to pale yellow, which is what makes equal steps look equal. */
const LIGHTNESS = [0.24, 0.95] as const;
const HUE = [275, 102] as const;
/** Most saturated in the middle: both ends of the range hold few colours that sRGB can show. */
const CHROMA = [0.07, 0.115] as const;

function gamma(linear: number): number {
  const value = Math.min(1, Math.max(0, linear));
  return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
}

/** Oklab (B. Ottosson, 2020: "A perceptual color space for image processing") to linear sRGB. */
function oklabToLinear(lightness: number, a: number, b: number): [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

const inGamut = (color: readonly number[]): boolean =>
  color.every((value) => value >= -1e-4 && value <= 1.0001);

function colorAt(position: number): Color {
  const lightness = LIGHTNESS[0] + (LIGHTNESS[1] - LIGHTNESS[0]) * position;
  const hue = ((HUE[0] + (HUE[1] - HUE[0]) * position) * Math.PI) / 180;
  let chroma = CHROMA[0] + (CHROMA[1] - CHROMA[0]) * Math.sin(Math.PI * position);
  let linear = oklabToLinear(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
  // Less chroma keeps lightness and hue, which clipping would not.
  while (!inGamut(linear) && chroma > 0) {
    chroma -= 0.002;
    linear = oklabToLinear(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
  }
  const [r, g, b] = linear;
  return [Math.round(gamma(r) * 255), Math.round(gamma(g) * 255), Math.round(gamma(b) * 255)];
}

const table: readonly Color[] = Array.from({ length: STEPS }, (_, step) => colorAt(step / (STEPS - 1)));

/** Colour of a position from 0 (dark blue) to 1 (pale yellow), equal steps looking equally large. */
export function mapColor(position: number): Color {
  const step = Math.round(Math.min(1, Math.max(0, Number.isNaN(position) ? 0 : position)) * (STEPS - 1));
  return table[step] ?? [0, 0, 0];
}

/** Whether dark writing is the more readable one on the colour of this position. */
export const wantsDarkText = (position: number): boolean => position > 0.5;
