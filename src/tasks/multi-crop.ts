import { encode } from 'fast-png';
import type { Model } from '../engine.js';
import { DiptychError } from '../errors.js';
import { preprocess } from '../image/preprocess.js';
import type { Failure } from '../pipeline/types.js';
import { groupMeans } from './arithmetic.js';
import type { Features } from './features.js';

export interface MultiCropOptions {
  /** 5: corners and centre; 10: those and their mirror images. Default 5. */
  readonly crops?: 5 | 10;
  /** Instead: the picture as n x n tiles of the model's size. */
  readonly tiles?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface MultiCrop {
  /** One row an image that could be read: the mean direction of its crops. */
  readonly features: Features;
  /** Row -> position of its image in what was passed in. */
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
}

interface Corner {
  readonly top: number;
  readonly left: number;
  readonly mirrored: boolean;
}

/** A square of pixels of an image, perhaps mirrored, as a PNG. */
function cut(pixels: Uint8Array, side: number, size: number, { top, left, mirrored }: Corner): Uint8Array {
  const data = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = ((top + y) * side + left + (mirrored ? size - 1 - x : x)) * 3;
      data.set(pixels.subarray(from, from + 3), (y * size + x) * 3);
    }
  }
  return encode({ width: size, height: size, channels: 3, depth: 8, data }, { zlib: { level: 1 } });
}

function corners(side: number, size: number, { crops = 5, tiles }: MultiCropOptions): Corner[] {
  if (tiles !== undefined) {
    return Array.from({ length: tiles * tiles }, (_, at) => ({
      top: Math.floor(at / tiles) * size,
      left: (at % tiles) * size,
      mirrored: false,
    }));
  }
  const end = side - size;
  const middle = Math.round(end / 2);
  const five = [
    [0, 0],
    [0, end],
    [end, 0],
    [end, end],
    [middle, middle],
  ].map(([top = 0, left = 0]) => ({ top, left, mirrored: false }));
  return crops === 5 ? five : [...five, ...five.map((corner) => ({ ...corner, mirrored: true }))];
}

/**
 * Embeds images by several crops each and takes the mean direction: five or ten crops of a picture resized to 8/7 of
 * the model's size (256 for 224, as torchvision's FiveCrop is used), or tiles of a larger one.
 *
 * @throws DiptychError BAD_OPTION, MODEL_UNSUPPORTED (no image tower, or one without a square size).
 */
export async function multiCrop(
  model: Model,
  images: readonly (string | Uint8Array)[],
  options: MultiCropOptions = {},
): Promise<MultiCrop> {
  const { crops = 5, tiles, signal } = options;
  if (![5, 10].includes(crops))
    throw new DiptychError('BAD_OPTION', `expected 5 or 10, got ${String(crops)}`, { input: 'crops' });
  if (tiles !== undefined && !(Number.isSafeInteger(tiles) && tiles >= 1 && tiles <= 16))
    throw new DiptychError('BAD_OPTION', `expected 1 to 16, got ${String(tiles)}`, { input: 'tiles' });
  const spec = model.preprocessSpec;
  const given: unknown = spec?.size;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const [size] = list;
  if (spec === null || typeof size !== 'number') {
    throw new DiptychError('MODEL_UNSUPPORTED', 'this model takes no square images', { input: model.name });
  }
  const side = tiles === undefined ? Math.round((size * 8) / 7) : size * tiles;
  const larger = { ...spec, size: side, centerCrop: true };
  delete larger.resizeTo;
  const places = corners(side, size, options);
  const parts: Float32Array[] = [];
  const indices: number[] = [];
  const failures: Failure[] = [];
  let dim = 0;
  // One image at a time: its crops are a batch already.
  for (const [index, image] of images.entries()) {
    const pixels = await preprocess([image], { spec: larger, output: 'uint8' });
    const [failure] = pixels.failures;
    if (failure !== undefined) {
      failures.push({ ...failure, index, stage: 'decode' });
      continue;
    }
    const { data } = pixels;
    const pieces = places.map((corner) => cut(data, side, size, corner));
    const embedded = await model.embedImages(pieces, signal === undefined ? {} : { signal });
    if (embedded.vectors !== 1) {
      throw new DiptychError('MODEL_UNSUPPORTED', 'crops of a multi-vector model have no mean', {
        input: model.name,
      });
    }
    dim = embedded.dim;
    parts.push(
      groupMeans(
        embedded,
        embedded.indices.map(() => 0),
      ).data,
    );
    indices.push(index);
  }
  const data = new Float32Array(parts.length * dim);
  parts.forEach((part, row) => {
    data.set(part, row * dim);
  });
  return { features: { data, rows: parts.length, dim }, indices, failures };
}
