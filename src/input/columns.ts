import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiptychError, toDiptychError } from '../errors.js';
import { nearest } from '../options.js';
import { toCell, type Cell } from '../output/cells.js';
import { broken, isUrl, type ImageContent, type InputItem, type InputKind } from './item.js';

/** Which columns of a table hold the image and the text. */
export interface ColumnChoice {
  readonly image: string | null;
  readonly text: string | null;
}

export interface TableOptions {
  readonly kind: InputKind;
  readonly columns: ColumnChoice;
}

export type Row = Readonly<Record<string, unknown>>;

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names that datasets in the wild use, most telling first. */
const IMAGE_COLUMNS = [
  'image_path',
  'image_url',
  'image',
  'filepath',
  'file_path',
  'filename',
  'file_name',
  'img_path',
  'path',
  'url',
  'img',
  'jpg',
  'png',
  'webp',
];
const TEXT_COLUMNS = [
  'caption',
  'text',
  'title',
  'sentence',
  'prompt',
  'description',
  'txt',
  'query',
  'label',
];

function find(names: readonly string[], wanted: readonly string[]): string | null {
  for (const candidate of wanted) {
    const match = names.find((name) => name.trim().toLowerCase() === candidate);
    if (match !== undefined) return match;
  }
  return null;
}

function demand(file: string, names: readonly string[], wanted: string, option: string): string {
  if (names.includes(wanted)) return wanted;
  const hint = nearest(wanted, names);
  throw new DiptychError(
    'BAD_OPTION',
    `has no column ${JSON.stringify(wanted)} (${option})${hint === undefined ? '' : `; did you mean ${JSON.stringify(hint)}?`} Its columns: ${names.join(', ')}`,
    { input: file },
  );
}

/** The column of bytes that by its name holds images. */
export function imageBytesColumn(bytes: readonly string[]): string | null {
  return find(bytes, ['jpg', 'png', 'webp', 'image', 'img', 'image_bytes', 'bytes']);
}

/**
 * Chooses the columns: those asked for, else by the usual names; `bytes` are those that hold bytes.
 * Throws BAD_OPTION, naming what is there.
 */
export function chooseColumns(
  file: string,
  names: readonly string[],
  asked: ColumnChoice,
  kind: InputKind,
  bytes: readonly string[] = [],
): ColumnChoice {
  if (asked.image !== null || asked.text !== null) {
    return {
      image: asked.image === null ? null : demand(file, names, asked.image, '--image-column'),
      text: asked.text === null ? null : demand(file, names, asked.text, '--text-column'),
    };
  }
  // A table that holds the images and tells where they came from (img2dataset's) needs no fetching.
  const image = kind === 'text' ? null : (imageBytesColumn(bytes) ?? find(names, IMAGE_COLUMNS));
  const text = kind === 'image' ? null : find(names, TEXT_COLUMNS);
  if (image === null && text === null) {
    throw new DiptychError(
      'BAD_OPTION',
      `no column looks like images or texts; give --image-column or --text-column. Its columns: ${names.join(', ')}`,
      { input: file },
    );
  }
  return { image, text };
}

/** A path as lists and tables give it: beside the working folder, or beside the list itself. */
export function resolvePath(given: string, listFolder: string | null): string {
  if (isUrl(given)) return given;
  if (/^file:/i.test(given)) {
    try {
      return fileURLToPath(given);
    } catch {
      return given;
    }
  }
  if (path.isAbsolute(given) || listFolder === null || existsSync(given)) return given;
  const beside = path.join(listFolder, given);
  return existsSync(beside) ? beside : given;
}

function imageOf(value: unknown, listFolder: string | null): ImageContent | null {
  if (typeof value === 'string') return value === '' ? null : resolvePath(value, listFolder);
  if (value instanceof Uint8Array) return value;
  // Hugging Face datasets store images as { bytes, path }.
  if (typeof value === 'object' && value !== null) {
    if ('bytes' in value && value.bytes instanceof Uint8Array) return value.bytes;
    if ('path' in value && typeof value.path === 'string') return imageOf(value.path, listFolder);
  }
  return null;
}

/** The path that a row's image column tells, where it tells one. */
function pathOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'path' in value && typeof value.path === 'string')
    return value.path;
  return null;
}

/** What img2dataset tells of an image that it could not fetch. */
function whyMissing(record: Readonly<Record<string, unknown>>): string {
  const { status, error_message: error } = record;
  if (typeof status !== 'string' || status === 'success') return '';
  return typeof error === 'string' && error !== '' ? ` (${status}: ${error})` : ` (${status})`;
}

/** One record of a table as an item. `where` names the row ("data.csv row 7"). */
export function recordItem(
  record: Readonly<Record<string, unknown>>,
  columns: ColumnChoice,
  where: string,
  listFolder: string | null,
): InputItem {
  const cells: Record<string, Cell> = {};
  const meant =
    columns.image !== null && columns.text !== null ? 'pair' : columns.image !== null ? 'image' : 'text';
  const imageValue = columns.image === null ? null : record[columns.image];
  const location = pathOf(imageValue);
  if (columns.image !== null && location !== null) cells['image_path'] = location;
  if (columns.text !== null) cells['text'] = toCell(record[columns.text]);
  for (const [name, value] of Object.entries(record)) {
    const isBytes =
      name === columns.image && typeof value !== 'string'
        ? true
        : value instanceof Uint8Array && value.length > 1024;
    if (!isBytes && !(name in cells)) cells[name] = toCell(value);
  }
  const name = location === null || location === '' ? where : location;
  const missing = (what: string): InputItem => {
    const message = `the row has no ${what}${whyMissing(record)}`;
    return { ...broken(name, new DiptychError('INPUT_NOT_FOUND', message, { input: where }), meant), cells };
  };
  try {
    const image = columns.image === null ? null : imageOf(imageValue, listFolder);
    if (columns.image !== null && image === null)
      return missing(`image in column ${JSON.stringify(columns.image)}`);
    const textValue = columns.text === null ? null : record[columns.text];
    if (columns.text !== null && typeof textValue !== 'string' && typeof textValue !== 'number') {
      return missing(`text in column ${JSON.stringify(columns.text)}`);
    }
    const text = String(textValue);
    if (columns.image !== null && image !== null) {
      return columns.text === null
        ? { name, cells, shape: 'image', image }
        : { name, cells, shape: 'pair', image, text };
    }
    return { name, cells, shape: 'text', text };
  } catch (error) {
    return { ...broken(name, toDiptychError(error, 'INPUT_UNREADABLE', where), meant), cells };
  }
}
