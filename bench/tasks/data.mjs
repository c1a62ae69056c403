// Generated data of bench/tasks: the same on every machine.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mersenne } from '../../dist/index.js';
import { npyHeader } from '../../dist/output/npy.js';

export function save(folder, name, type, shape, data) {
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([npyHeader(type, shape), new Uint8Array(data.buffer)]));
  return file;
}

/** Rows around centres of uneven weight, at unit length: the shape of CLIP's embeddings. */
export function clustered(rows, dim, centres, seed) {
  const random = mersenne(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const middle = Float32Array.from({ length: centres * dim }, normal);
  const shared = Float32Array.from({ length: dim }, normal);
  const data = new Float32Array(rows * dim);
  const labels = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const centre = Math.floor(centres * random() ** 2);
    labels[row] = centre;
    let squares = 0;
    for (let i = 0; i < dim; i++) {
      const value = middle[centre * dim + i] + 0.8 * shared[i] + 1.2 * normal();
      data[row * dim + i] = value;
      squares += value * value;
    }
    const factor = 1 / Math.sqrt(squares);
    for (let i = 0; i < dim; i++) data[row * dim + i] *= factor;
  }
  return { data, rows, dim, labels };
}

/**
 * Entries as MetaCLIP's metadata (a quarter single words, bigrams, some trigrams) and captions over the same words, the
 * frequent ones often.
 */
export function metadataPool(entryCount, textCount, seed) {
  const random = mersenne(seed);
  const letters = 'etaoinshrdlcumwfgypbvkjxqz';
  const letter = () => letters[Math.floor(26 * random() ** 2)];
  const word = () => Array.from({ length: 3 + Math.floor(6 * random()) }, letter).join('');
  const words = Array.from({ length: 120_000 }, word);
  const any = () => words[Math.floor(words.length * random() ** 3)];
  const entries = new Set(words);
  while (entries.size < entryCount)
    entries.add(random() < 0.8 ? `${any()} ${any()}` : `${any()} ${any()} ${any()}`);
  const caption = () =>
    Array.from({ length: 4 + Math.floor(16 * random()) }, any).join(random() < 0.1 ? ', ' : ' ');
  return { entries: [...entries], texts: Array.from({ length: textCount }, caption) };
}
