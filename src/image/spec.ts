import { DiptychError } from '../errors.js';
import type { NativeSpec } from '../native/image-binding.js';
import { parseOptions, read, type Reader } from '../options.js';

/** Pillow's resampling filters, by name. */
export type Interpolation = 'bicubic' | 'bilinear' | 'lanczos' | 'box' | 'hamming' | 'nearest';

export type Transparency = 'keep' | 'white' | 'blend';

/**
 * How a picture becomes a tensor. Missing keys take CLIP's values (ViT-B/32 at 224 px).
 * Every pixel step equals Pillow's bit for bit.
 */
export interface PreprocessSpec {
  /** Side of the square, or [height, width], of the tensor. */
  readonly size: number | readonly [height: number, width: number];
  /** shortest: the shorter side to `resizeTo`, then crop; squash: both sides; longest: the longer side, then pad. */
  readonly resizeMode: 'shortest' | 'squash' | 'longest';
  /** Target of the resize when it is larger than the crop (ALIGN resizes to 346 and crops 289). */
  readonly resizeTo?: number | readonly [height: number, width: number];
  readonly interpolation: Interpolation;
  readonly centerCrop: boolean;
  /** Crop offset (size - crop) / 2: floor as Hugging Face, half-even as torchvision (openai/CLIP, open_clip). */
  readonly cropRounding: 'floor' | 'half-even';
  /** RGB conversion before the resize (Hugging Face) or after it, in the file's own mode (openai/CLIP, open_clip). */
  readonly rgb: 'before' | 'after';
  /**
   * Pictures with transparency. keep: their colours, the alpha dropped (openai/CLIP, open_clip, and processors of
   * transformers without do_convert_rgb); white: the same, but a picture's one transparent colour (a GIF's, a PNG's
   * tRNS) becomes white (transformers 5 with do_convert_rgb, given `Image.open(f).convert("RGB")`); blend: every
   * alpha is laid on white (the same, given `Image.open(f)`). Without the key: `white` where the other keys are
   * Hugging Face's (RGB before the resize, crop `floor`, no padding, no squash to more than the crop), else `keep`.
   */
  readonly transparency: Transparency;
  /** Padding colour of `longest`, 0..255. */
  readonly fill: number | readonly [r: number, g: number, b: number];
  /** Multiplies the 0..255 values; 1/255 for every family so far. 0 turns scaling off only when given as 1. */
  readonly rescale: number;
  /** Per-channel mean, after rescaling. */
  readonly mean: readonly [r: number, g: number, b: number];
  /** Per-channel standard deviation, after rescaling. */
  readonly std: readonly [r: number, g: number, b: number];
  /** Apply the EXIF orientation first. The official Python does not. */
  readonly orient: boolean;
  /** Convert to sRGB by the embedded ICC profile, before the resize. The official Python does not. */
  readonly icc: boolean;
}

/** OpenAI's CLIP at 224 px, as Hugging Face's CLIPImageProcessor computes it. */
export const CLIP_SPEC: PreprocessSpec = Object.freeze<PreprocessSpec>({
  size: 224,
  resizeMode: 'shortest',
  interpolation: 'bicubic',
  centerCrop: true,
  cropRounding: 'floor',
  rgb: 'before',
  transparency: 'white',
  fill: 0,
  rescale: 1 / 255,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  orient: false,
  icc: false,
});

const LARGEST_SIDE = 16384;

const isNumbers = (value: unknown, length: number): value is number[] =>
  Array.isArray(value) && value.length === length && value.every((one) => Number.isFinite(one));

const reject = (name: string, expected: string): never => {
  throw new DiptychError('BAD_OPTION', `expected ${expected}`, { input: name });
};

const size: Reader<PreprocessSpec['size']> = (value, name) => {
  const sides: unknown[] = Array.isArray(value) && value.length === 2 ? value : [value, value];
  const [height, width] = sides.map((side) => read.integer(1, LARGEST_SIDE)(side, name));
  return height === undefined || width === undefined
    ? reject(name, 'a number or [height, width]')
    : height === width
      ? height
      : [height, width];
};

const triple =
  (accept: (value: number) => boolean, expected: string): Reader<readonly [number, number, number]> =>
  (value, name) => {
    if (!isNumbers(value, 3) || !value.every(accept)) return reject(name, expected);
    const [r = 0, g = 0, b = 0] = value;
    return [r, g, b];
  };

const isByte = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 255;

const readers: { readonly [K in keyof PreprocessSpec]-?: Reader<Exclude<PreprocessSpec[K], undefined>> } = {
  size,
  resizeMode: read.oneOf('shortest', 'squash', 'longest'),
  resizeTo: size,
  interpolation: read.oneOf('bicubic', 'bilinear', 'lanczos', 'box', 'hamming', 'nearest'),
  centerCrop: read.boolean,
  cropRounding: read.oneOf('floor', 'half-even'),
  rgb: read.oneOf('before', 'after'),
  transparency: read.oneOf('keep', 'white', 'blend'),
  fill: (value, name) =>
    typeof value === 'number' && isByte(value)
      ? value
      : triple(isByte, 'a whole number from 0 to 255, or three of them')(value, name),
  rescale: read.number(
    (value) => Number.isFinite(value) && value > 0,
    'a positive number (1/255, or 1 for no scaling)',
  ),
  mean: triple(Number.isFinite, 'three numbers'),
  std: triple((value) => Number.isFinite(value) && Math.fround(value) !== 0, 'three numbers other than 0'),
  orient: read.boolean,
  icc: read.boolean,
};

/**
 * A whole specification from a partial one; missing keys take CLIP's values.
 *
 * @throws DiptychError BAD_OPTION: an unknown key (with the nearest known one), a value of the wrong kind, or
 * keys that contradict each other.
 */
export function resolveSpec(partial?: unknown): PreprocessSpec {
  const parsed = parseOptions<PreprocessSpec>(partial, readers, CLIP_SPEC, 'preprocess spec');
  const told = isObject(partial) && partial['transparency'] !== undefined;
  const spec = told ? parsed : { ...parsed, transparency: usualTransparency(parsed) };
  if (!spec.centerCrop && spec.resizeMode === 'shortest') {
    reject(
      'preprocess spec',
      "centerCrop true, or resizeMode 'squash': without a crop pictures come out in many sizes",
    );
  }
  if (spec.resizeMode === 'longest' && spec.resizeTo !== undefined) {
    reject('preprocess spec', "no resizeTo with resizeMode 'longest', which resizes to `size` and pads");
  }
  if (spec.rgb === 'after' && spec.transparency !== 'keep') {
    reject('preprocess spec', "transparency 'keep' with rgb 'after', which resizes the alpha and drops it");
  }
  return spec;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** What the official code with such a resize does: only converting processors of Hugging Face lay on white. */
function usualTransparency(spec: PreprocessSpec): Transparency {
  const cropsSquash =
    spec.resizeMode === 'squash' && String(spec.resizeTo ?? spec.size) !== String(spec.size);
  const others = spec.rgb === 'after' || spec.cropRounding !== 'floor' || spec.resizeMode === 'longest';
  return others || cropsSquash ? 'keep' : 'white';
}

const pair = (value: PreprocessSpec['size']): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;

/** The specification as the addon takes it. */
export function toNativeSpec(spec: PreprocessSpec): NativeSpec {
  const [height, width] = pair(spec.size);
  const [resizeHeight, resizeWidth] = pair(spec.resizeTo ?? spec.size);
  const fill = typeof spec.fill === 'number' ? ([spec.fill, spec.fill, spec.fill] as const) : spec.fill;
  const { resizeMode, interpolation, centerCrop, cropRounding, rgb, transparency } = spec;
  const { rescale, mean, std, orient, icc } = spec;
  return {
    height,
    width,
    resizeMode,
    resizeHeight,
    resizeWidth,
    interpolation,
    centerCrop,
    cropRounding,
    rgb,
    transparency,
    fill,
    rescale,
    mean,
    std,
    orient,
    icc,
  };
}
