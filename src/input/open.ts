import { createReadStream, existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DiptychError, systemCode, toDiptychError } from '../errors.js';
import { expandBraces, hasBraceRange } from './braces.js';
import type { ColumnChoice } from './columns.js';
import { broken, isUrl, MOST_IMAGE_BYTES, type InputItem, type InputKind } from './item.js';
import { lineItems } from './lines.js';
import { isStandardInput, pipeItems, streamItems } from './pipe.js';
import { isImageName, sniffFile, SNIFF_BYTES, type FileType } from './sniff.js';
import { sampleOfFiles } from './sample.js';
import { holdsImages, parquetItems } from './parquet.js';
import { csvItems, jsonlItems } from './tables.js';
import type * as Tar from './tar.js';
import { walk } from './walk.js';

// Packages that only some inputs need are loaded when one comes: together they take longer to load than a small model.
const tar = (): Promise<typeof Tar> => import('./tar.js');

export interface InputOptions {
  readonly kind: InputKind;
  readonly columns: ColumnChoice;
  /** Where `-` reads from. */
  readonly stdin: Readable;
  /** Folder for what does not fit in memory. */
  readonly scratch: string;
  /** Once aborted, pipes are not waited for. */
  readonly signal?: AbortSignal;
}

const imageItem = (file: string): InputItem => ({
  name: file,
  cells: { image_path: file },
  shape: 'image',
  image: file,
});

function missing(input: string): DiptychError {
  const hint = input.includes('\uFFFD') ? '; if its name is no UTF-8, give the folder it is in' : '';
  return new DiptychError('INPUT_NOT_FOUND', `no such file, folder or match${hint}`, { input });
}

/** Items of the inputs that a command was given, in their order; folders and globs in the order of names. */
export async function* openInputs(
  inputs: readonly string[],
  options: InputOptions,
): AsyncGenerator<InputItem, void, undefined> {
  for (const given of inputs) {
    // A file may have braces in its name.
    if (!hasBraceRange(given) || existsSync(given)) yield* openInput(given, options);
    else for (const input of expandBraces(given)) yield* openInput(input, options);
  }
}

async function* openInput(given: string, options: InputOptions): AsyncGenerator<InputItem, void, undefined> {
  if (given === '-') {
    yield* streamItems('stdin', options.stdin, options.kind, options.signal);
    return;
  }
  if (isUrl(given)) {
    yield imageItem(given);
    return;
  }
  const input = /^file:\/\//i.test(given) ? fileURLToPath(given) : given;
  const found = await stat(input).catch((error: unknown) => toDiptychError(error, 'INPUT_UNREADABLE', input));
  if (!(found instanceof DiptychError)) {
    if (found.isDirectory()) {
      const listed = { path: input, dev: found.dev, ino: found.ino };
      for await (const item of openFolder(input, options)) yield { ...item, listed };
    } else if (found.isFile()) {
      yield* openFile(input, options, true);
    } else if (isStandardInput(input)) {
      yield* streamItems('stdin', options.stdin, options.kind, options.signal);
    } else {
      yield* pipeItems(input, found, options.kind, options.signal);
    }
    return;
  }
  const { glob, isDynamicPattern } = await import('tinyglobby');
  if (isDynamicPattern(input)) {
    const pattern = input.split(path.sep).join('/');
    const files = await glob(pattern, {
      absolute: path.isAbsolute(input),
      onlyFiles: true,
      expandDirectories: false,
      followSymbolicLinks: false,
    });
    files.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    if (files.length === 0) yield broken(given, missing(given));
    for (const file of files) yield* openFile(file, options, true);
    return;
  }
  const gone = ['ENOENT', 'ENOTDIR'].includes(systemCode(found.cause) ?? '');
  yield broken(given, gone ? missing(given) : found, options.kind === 'text' ? 'text' : 'image');
}

/**
 * Images, webdataset tars and tables of images below a folder (img2dataset's three layouts); with kind text, the
 * contents of its .txt files.
 */
async function* openFolder(
  folder: string,
  options: InputOptions,
): AsyncGenerator<InputItem, void, undefined> {
  let empty = true;
  for await (const found of walk(folder, options)) {
    empty = false;
    if (!found.ok) {
      yield broken(found.file, found.error);
    } else if (found.raw !== null) {
      yield* namedInBytes(found.file, found.raw, options.kind);
    } else if (options.kind === 'text') {
      if (/\.txt$/i.test(found.file)) yield await textFile(found.file);
    } else if (isImageName(found.file)) {
      const stem = path.basename(found.file, path.extname(found.file));
      if (await found.beside(`${stem}.json`)) {
        yield await sampleOfFiles(found.file, await found.beside(`${stem}.txt`), options.kind);
      } else {
        yield imageItem(found.file);
      }
    } else if (/\.parquet$/i.test(found.file)) {
      // Beside a tar or a folder of its name it is img2dataset's list of what is in there.
      const stem = path.basename(found.file, path.extname(found.file));
      const described = (await found.beside(`${stem}.tar`)) || (await found.beside(stem));
      if (!described && (await holdsImages(found.file))) yield* openFile(found.file, options, false);
    } else {
      const type = await sniffFile(found.file).catch(() => null);
      if (type === 'image') yield imageItem(found.file);
      else if (type === 'tar' || isTarName(found.file)) yield* openFile(found.file, options, false);
    }
  }
  if (empty && isImageName(folder)) {
    yield broken(
      folder,
      new DiptychError('INPUT_UNREADABLE', 'is a folder, not a picture', { input: folder }),
    );
  }
}

/** A file whose name is no UTF-8: images and texts are read here, since nothing behind knows such names. */
async function* namedInBytes(
  file: string,
  raw: Buffer,
  kind: InputKind,
): AsyncGenerator<InputItem, void, undefined> {
  if (kind === 'text') {
    if (/\.txt$/i.test(file)) yield await textFile(file, raw);
  } else if (isImageName(file)) {
    try {
      const { size } = await stat(raw);
      if (size > MOST_IMAGE_BYTES) {
        throw new DiptychError('IMAGE_TOO_LARGE', `has ${String(size)} bytes`, { input: file });
      }
      yield { name: file, cells: { image_path: file }, shape: 'image', image: await readFile(raw) };
    } catch (error) {
      yield broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file));
    }
  } else if (isTarName(file) || /\.parquet$/i.test(file)) {
    const message = 'has a name that is no UTF-8; rename it';
    yield broken(file, new DiptychError('INPUT_UNREADABLE', message, { input: file }));
  }
}

async function textFile(file: string, raw?: Buffer): Promise<InputItem> {
  try {
    const text = (await readFile(raw ?? file, 'utf8')).trim();
    return { name: file, cells: { text, text_path: file }, shape: 'text', text };
  } catch (error) {
    return broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file), 'text');
  }
}

/** Lists go by these names, or by none; other text (.json, .md) was hardly meant. */
const LIST_NAMES = new Set(['txt', 'text', 'list', 'lst']);

const isTarName = (file: string): boolean => /\.(tar|tgz)(\.(gz|zst))?$/i.test(file);

/** A file by its bytes; its name decides only between kinds of text. `asked`: named by the user, not found in a folder. */
async function* openFile(
  file: string,
  options: InputOptions,
  asked: boolean,
): AsyncGenerator<InputItem, void, undefined> {
  let type: FileType;
  try {
    type = await sniffFile(file);
  } catch (error) {
    yield broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file));
    return;
  }
  const table = { kind: options.kind, columns: options.columns };
  const ending = path.extname(file).slice(1).toLowerCase();
  if (type === 'image') {
    yield imageItem(file);
  } else if (type === 'tar' || isTarName(file)) {
    yield* openTarFile(file, options.kind);
  } else if (type === 'empty' && ending === 'parquet') {
    yield broken(file, new DiptychError('INPUT_UNREADABLE', 'is empty (0 bytes)', { input: file }));
  } else if (type === 'parquet' || ending === 'parquet') {
    yield* parquetItems(file, table);
  } else if (ending === 'csv' || ending === 'tsv') {
    yield* csvItems(file, ending === 'csv' ? ',' : '\t', table);
  } else if (ending === 'jsonl' || ending === 'ndjson') {
    yield* jsonlItems(file, table);
  } else if (isImageName(file) && asked && options.kind !== 'text') {
    // Not an image's bytes: the decoder says what is wrong with it.
    yield imageItem(file);
  } else if (LIST_NAMES.has(ending) || (type === 'text' && ending === '')) {
    yield* lineItems(file, createReadStream(file), options.kind, path.dirname(file));
  } else if (options.kind === 'image' || type === 'empty') {
    yield imageItem(file);
  } else {
    const message = 'is neither an image nor a .tar, .parquet, .csv, .tsv, .jsonl or .txt';
    yield broken(file, new DiptychError('IMAGE_UNSUPPORTED', message, { input: file }));
  }
}

async function* openTarFile(file: string, kind: InputKind): AsyncGenerator<InputItem, void, undefined> {
  const first = await firstBytes(file);
  const { openTar, tarItems } = await tar();
  yield* tarItems(file, openTar(file), first, kind);
}

async function firstBytes(file: string): Promise<Uint8Array> {
  const stream: AsyncIterable<Buffer> = createReadStream(file, { end: SNIFF_BYTES - 1 });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
