import { DiptychError } from '../errors.js';
import type { Interpolation, PreprocessSpec } from '../image/spec.js';
import { asBoolean, asList, asNumber, asString, at, isObject, type Json } from './json.js';

type Triple = readonly [number, number, number];

const CLIP_MEAN: Triple = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: Triple = [0.26862954, 0.26130258, 0.27577711];
const HALF: Triple = [0.5, 0.5, 0.5];
const IMAGENET_MEAN: Triple = [0.485, 0.456, 0.406];
const IMAGENET_STD: Triple = [0.229, 0.224, 0.225];

/** What a missing key means, by the image processor's class. Source: the class attributes of each in transformers 5.23. */
interface Defaults {
  readonly mean: Triple;
  readonly std: Triple;
  readonly resample: number;
  /** A size that is one number: both sides (true) or the shorter one. */
  readonly square: boolean;
  readonly crop: boolean;
  /** Share of the resized side that the crop keeps. */
  readonly cropPercent?: number;
  /** do_convert_rgb: the processor converts, and lays the transparent colour on white. */
  readonly converts: boolean;
}

const CLIP_DEFAULTS: Defaults = {
  mean: CLIP_MEAN,
  std: CLIP_STD,
  resample: 3,
  square: false,
  crop: true,
  converts: true,
};
const DEFAULTS: readonly (readonly [RegExp, Defaults])[] = [
  [/^(ChineseCLIP)/, { ...CLIP_DEFAULTS, crop: true }],
  [/^(Blip|Blip2|Bridge)/, { ...CLIP_DEFAULTS, square: true, crop: false }],
  [/^Siglip/, { mean: HALF, std: HALF, resample: 3, square: true, crop: false, converts: true }],
  [/^ViT/, { mean: HALF, std: HALF, resample: 2, square: true, crop: false, converts: false }],
  [/^EfficientNet/, { mean: HALF, std: HALF, resample: 3, square: true, crop: false, converts: false }],
  [
    /^ConvNext/,
    {
      mean: HALF,
      std: HALF,
      resample: 3,
      square: false,
      crop: false,
      cropPercent: 224 / 256,
      converts: false,
    },
  ],
  [/^DeiT/, { mean: HALF, std: HALF, resample: 3, square: true, crop: true, converts: false }],
  [
    /^(LeViT|Levit|PoolFormer)/,
    { mean: IMAGENET_MEAN, std: IMAGENET_STD, resample: 3, square: true, crop: true, converts: false },
  ],
];

/** PIL's numbers of the resampling filters. */
const FILTERS: readonly Interpolation[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

function invalid(input: string, message: string): DiptychError {
  return new DiptychError('MODEL_INVALID', message, { input });
}

/**
 * The rule of a Hugging Face preprocessor_config.json, old or new style.
 * Throws MODEL_INVALID for a size that is missing, contradictory or not supported.
 */
export function readHuggingFaceSpec(config: Json, file: string): PreprocessSpec {
  const type = asString(config['image_processor_type']) ?? asString(config['feature_extractor_type']) ?? '';
  const defaults = DEFAULTS.find(([pattern]) => pattern.test(type))?.[1] ?? CLIP_DEFAULTS;
  const crop = (asBoolean(config['do_center_crop']) ?? defaults.crop) ? readSize(config['crop_size']) : null;
  if (asBoolean(config['do_center_crop']) === true && crop === null) {
    throw invalid(file, 'do_center_crop is set but crop_size is missing; add it');
  }
  return {
    ...readResize(config, defaults, crop, file),
    interpolation: readFilter(config['resample'] ?? defaults.resample, file),
    cropRounding: 'floor',
    rgb: 'before',
    transparency: converts(config, defaults) ? 'white' : 'keep',
    fill: 0,
    ...readArithmetic(config, defaults, file),
    orient: false,
    icc: false,
  };
}

/** An explicit null is a no, as in transformers: only a missing key takes the class's default. */
function converts(config: Json, defaults: Defaults): boolean {
  const told = config['do_convert_rgb'];
  return told === undefined ? defaults.converts : told === true;
}

type ResizePart = Pick<PreprocessSpec, 'size' | 'resizeMode' | 'resizeTo' | 'centerCrop'>;

function readResize(config: Json, defaults: Defaults, crop: Size | null, file: string): ResizePart {
  const raw = config['size'];
  const side = asNumber(raw) ?? asNumber(at(raw, 'shortest_edge'));
  const pair = readPair(raw);
  const square = asBoolean(config['default_to_square']) ?? defaults.square;
  if (pair === null && side === undefined) {
    if (asBoolean(config['do_resize']) === false && crop !== null) {
      return { size: crop, resizeMode: 'shortest', resizeTo: Math.min(crop[0], crop[1]), centerCrop: true };
    }
    throw invalid(
      file,
      `size is ${JSON.stringify(raw)}, expected a number, shortest_edge, or height and width`,
    );
  }
  if (pair !== null || (square && asNumber(raw) !== undefined)) {
    const to: Size = pair ?? [side ?? 0, side ?? 0];
    if (crop === null || (crop[0] === to[0] && crop[1] === to[1])) {
      return { size: square1(to), resizeMode: 'squash', centerCrop: false };
    }
    return { size: square1(crop), resizeMode: 'squash', resizeTo: square1(to), centerCrop: true };
  }
  const edge = side ?? 0;
  const percent = asNumber(config['crop_pct']) ?? defaults.cropPercent;
  if (percent !== undefined) return convNext(edge, percent);
  if (crop === null) {
    throw invalid(
      file,
      `size has shortest_edge ${String(edge)} and there is no centre crop: pictures would keep their shape, which the graphs do not take`,
    );
  }
  const short = crop[0] === crop[1] && crop[0] === edge;
  return {
    size: square1(crop),
    resizeMode: 'shortest',
    ...(short ? {} : { resizeTo: edge }),
    centerCrop: true,
  };
}

/** ConvNext: below 384 the shorter side goes to size / crop_pct and the centre is cropped, else both sides squash. */
function convNext(edge: number, percent: number): ResizePart {
  if (edge >= 384) return { size: edge, resizeMode: 'squash', centerCrop: false };
  return { size: edge, resizeMode: 'shortest', resizeTo: Math.trunc(edge / percent), centerCrop: true };
}

type Size = readonly [number, number];

function square1(size: Size): number | Size {
  return size[0] === size[1] ? size[0] : size;
}

function readPair(value: unknown): Size | null {
  const height = asNumber(at(value, 'height')) ?? asNumber(at(value, 0));
  const width = asNumber(at(value, 'width')) ?? asNumber(at(value, 1));
  return height === undefined || width === undefined ? null : [height, width];
}

function readSize(value: unknown): Size | null {
  const side = asNumber(value) ?? asNumber(at(value, 'shortest_edge')) ?? asNumber(at(value, 0));
  return readPair(value) ?? (side === undefined ? null : [side, side]);
}

function readFilter(value: unknown, file: string): Interpolation {
  const named = asString(value)?.toLowerCase();
  const filter = typeof value === 'number' ? FILTERS[value] : FILTERS.find((name) => name === named);
  if (filter === undefined) throw invalid(file, `resample is ${JSON.stringify(value)}, expected 0 to 5`);
  return filter;
}

function readTriple(value: unknown, fallback: Triple, key: string, file: string): Triple {
  if (value === undefined || value === null) return fallback;
  const one = asNumber(value);
  if (one !== undefined) return [one, one, one];
  const [r, g, b] = asList(value).map(asNumber);
  if (r === undefined || g === undefined || b === undefined || asList(value).length !== 3) {
    throw invalid(file, `${key} is ${JSON.stringify(value)}, expected three numbers`);
  }
  return [r, g, b];
}

type Arithmetic = Pick<PreprocessSpec, 'rescale' | 'mean' | 'std'>;

/** Rescaling, EfficientNet's shift by -1 and its second division (`include_top`), and normalising, as one step. */
function readArithmetic(config: Json, defaults: Defaults, file: string): Arithmetic {
  const rescale =
    (asBoolean(config['do_rescale']) ?? true) ? (asNumber(config['rescale_factor']) ?? 1 / 255) : 1;
  const ownMean = readTriple(config['image_mean'], defaults.mean, 'image_mean', file);
  const ownStd = readTriple(config['image_std'], defaults.std, 'image_std', file);
  const normalize = asBoolean(config['do_normalize']) ?? true;
  const shift = asBoolean(config['rescale_offset']) === true ? 1 : 0;
  const [r, g, b] = normalize ? ownMean : [0, 0, 0];
  const mean: Triple = [r + shift, g + shift, b + shift];
  let std: Triple = normalize ? ownStd : [1, 1, 1];
  const type = asString(config['image_processor_type']) ?? '';
  if (type.startsWith('EfficientNet') && (asBoolean(config['include_top']) ?? true)) {
    std = [std[0] * ownStd[0], std[1] * ownStd[1], std[2] * ownStd[2]];
  }
  if (std.some((value) => value === 0))
    throw invalid(file, 'image_std holds a 0, by which nothing can be divided');
  return { rescale, mean, std };
}

const OPEN_CLIP_FILTERS: readonly Interpolation[] = [
  'bicubic',
  'bilinear',
  'nearest',
  'lanczos',
  'box',
  'hamming',
];

/**
 * The rule of open_clip's preprocess_cfg; `size` is the image size where the file has none.
 * Throws MODEL_INVALID for values that open_clip does not know.
 */
export function readOpenClipSpec(config: Json, file: string, size: unknown): PreprocessSpec {
  const own = readSize(config['size']) ?? readSize(size);
  if (own === null) throw invalid(file, 'size is missing, and so is image_size in the model configuration');
  const mode = asString(config['resize_mode']) ?? 'shortest';
  if (mode !== 'shortest' && mode !== 'squash' && mode !== 'longest') {
    throw invalid(file, `resize_mode is "${mode}", expected shortest, squash or longest`);
  }
  const named = asString(config['interpolation']) ?? 'bicubic';
  // "random" is for training; open_clip evaluates with bicubic then.
  const interpolation = named === 'random' ? 'bicubic' : OPEN_CLIP_FILTERS.find((name) => name === named);
  if (interpolation === undefined) throw invalid(file, `interpolation "${named}" is not known`);
  const fill = config['fill_color'];
  const colour = isObject(fill) ? undefined : fill;
  return {
    size: square1(own),
    resizeMode: mode,
    interpolation,
    centerCrop: mode === 'shortest',
    cropRounding: 'half-even',
    rgb: 'after',
    transparency: 'keep',
    fill:
      asNumber(colour) ??
      (colour === undefined || colour === null ? 0 : readTriple(colour, HALF, 'fill_color', file)),
    rescale: 1 / 255,
    mean: readTriple(config['mean'], CLIP_MEAN, 'mean', file),
    std: readTriple(config['std'], CLIP_STD, 'std', file),
    orient: false,
    icc: false,
  };
}

/** cn_clip's image_transform, for the folders of its exporter, which hold no configuration. */
export function chineseClipSpec(size: Size): PreprocessSpec {
  return {
    size: square1(size),
    resizeMode: 'squash',
    interpolation: 'bicubic',
    centerCrop: false,
    cropRounding: 'half-even',
    rgb: 'after',
    transparency: 'keep',
    fill: 0,
    rescale: 1 / 255,
    mean: CLIP_MEAN,
    std: CLIP_STD,
    orient: false,
    icc: false,
  };
}

/** [height, width] of the tensor that a rule makes. */
export function sizeOf(spec: PreprocessSpec): Size {
  return typeof spec.size === 'number' ? [spec.size, spec.size] : spec.size;
}
