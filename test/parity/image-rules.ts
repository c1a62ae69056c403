import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { preprocess } from '#diptych/image/preprocess.js';
import type { PreprocessSpec } from '#diptych/image/spec.js';

/** The rules of fixtures/preprocess/reference.json as specifications. */
export const RULES: Readonly<Record<string, Partial<PreprocessSpec>>> = {
  'clip-224': {},
  'clip-336': { size: 336 },
  'clip-224-openai': { rgb: 'after', cropRounding: 'half-even' },
  'clip-224-torchvision-rgb': { cropRounding: 'half-even' },
  'squash-224-bicubic': { resizeMode: 'squash' },
  'squash-224-bilinear': { resizeMode: 'squash', interpolation: 'bilinear' },
  'siglip-256': { resizeMode: 'squash', size: 256 },
  'blip-384': { resizeMode: 'squash', size: 384 },
  'align-289': { resizeMode: 'squash', size: 289, resizeTo: 346, interpolation: 'bilinear' },
  'longest-pad-224': { resizeMode: 'longest', cropRounding: 'half-even' },
  'lanczos-224': { interpolation: 'lanczos' },
  'mobileclip-256': { size: 256, interpolation: 'bilinear' },
};

export interface Golden {
  readonly shape?: readonly number[];
  readonly sha256?: string;
  readonly error?: string;
}

export interface Reference {
  readonly images: Readonly<Record<string, { readonly rules: Readonly<Record<string, Golden>> }>>;
}

const here = dirname(fileURLToPath(import.meta.url));
const bundled = resolve(here, '../fixtures');
const shared = process.env['DIPTYCH_FIXTURES'] ?? resolve(here, '../../../shared/fixtures');

/** The fixtures in the repository, and the whole set beside it where that is to be had. */
export const FIXTURES: readonly string[] = existsSync(join(shared, 'preprocess'))
  ? [bundled, shared]
  : [bundled];

export function readReference(folder: string): Reference {
  return JSON.parse(readFileSync(join(folder, 'preprocess/reference.json'), 'utf8')) as Reference;
}

/** What differs between the addon's pixels and the golden ones of a rule: empty when nothing does. */
export async function differences(folder: string, rule: string): Promise<string[]> {
  const { images } = readReference(folder);
  const names = Object.keys(images);
  const result = await preprocess(
    names.map((name) => join(folder, 'images', name)),
    { spec: RULES[rule] ?? {}, output: 'uint8' },
  );
  const slot = result.shape.slice(1).reduce((a, b) => a * b, 1);
  return names.filter((name, index) => {
    const golden = images[name]?.rules[rule];
    const row = result.indices.indexOf(index);
    if (golden?.error !== undefined) {
      return !result.failures.some((failure) => failure.index === index && failure.code === 'IMAGE_SIZE');
    }
    const pixels = result.data.subarray(row * slot, (row + 1) * slot);
    return row < 0 || createHash('sha256').update(pixels).digest('hex') !== golden?.sha256;
  });
}
