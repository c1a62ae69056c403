// sharp: decode alone, and its own pipeline to CLIP's tensor (shortest side to 224 by cubic, centre crop).
import { readFileSync } from 'node:fs';
import sharp from 'sharp';

sharp.cache(false);
sharp.concurrency(1);

export const versions = (version) => ({
  sharp: version('sharp'),
  vips: sharp.versions.vips,
  node: process.version,
});

function normalised(pixels, mean, std, out, at) {
  const plane = pixels.length / 3;
  for (let c = 0; c < 3; c++) {
    const scale = 1 / (255 * std[c]);
    const shift = mean[c] / std[c];
    for (let i = 0, from = c; i < plane; i++, from += 3)
      out[at + c * plane + i] = pixels[from] * scale - shift;
  }
}

const shared = 'cache off, concurrency 1';

export const jobs = {
  preprocess({ files, size, mean, std, decode }) {
    const images = files.map((file) => readFileSync(file));
    const length = 3 * size * size;
    const out = new Float32Array(images.length * length);
    // fastShrinkOnLoad is what sharp does by default; off is its best quality.
    const fast = decode === 'fast';
    return {
      settings: `resize ${size} cubic cover centre, fastShrinkOnLoad ${fast}, ${shared}, floats in JavaScript`,
      async run() {
        for (let i = 0; i < images.length; i++) {
          const pixels = await sharp(images[i])
            .resize(size, size, { fit: 'cover', position: 'centre', kernel: 'cubic', fastShrinkOnLoad: fast })
            .toColourspace('srgb')
            .removeAlpha()
            .raw()
            .toBuffer();
          normalised(pixels, mean, std, out, i * length);
        }
      },
      output: () => ({ data: out, shape: [images.length, 3, size, size] }),
    };
  },
  decode({ files }) {
    const images = files.map((file) => readFileSync(file));
    return {
      settings: `raw().toBuffer(), ${shared}`,
      async run() {
        for (const image of images) await sharp(image).raw().toBuffer();
      },
    };
  },
};
