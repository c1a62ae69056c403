/** Pillow's resampling filters, by name. */
export type Interpolation = 'bicubic' | 'bilinear' | 'lanczos' | 'box' | 'hamming' | 'nearest';

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
}
