import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { toDiptychError } from '../errors.js';
import { resolvePath } from './columns.js';
import { broken, isUrl, type InputItem, type InputKind } from './item.js';
import { isImageName, sniffFile } from './sniff.js';

/** Longer lines are cut off the list as unreadable by the text tower anyway; this bounds the memory. */
const LOOKS_LIKE_PATH = /^[^\s]+$|[/\\]/;

/** Whether a line names an image: a URL, a file with an image's bytes, or what can only be meant as a path. */
async function isImageLine(line: string, resolved: string): Promise<boolean> {
  if (isUrl(line) || /^file:/i.test(line)) return true;
  const found = await stat(resolved).catch(() => null);
  if (found?.isFile() === true) {
    if (isImageName(resolved)) return true;
    const type = await sniffFile(resolved).catch(() => null);
    return type === 'image';
  }
  return isImageName(line) && LOOKS_LIKE_PATH.test(line);
}

/** Items of a list: one path, URL or text per line; empty lines are skipped. */
export async function* lineItems(
  name: string,
  stream: Readable,
  kind: InputKind,
  listFolder: string | null,
): AsyncGenerator<InputItem, void, undefined> {
  const failure: { error: unknown } = { error: null };
  stream.on('error', (error) => {
    failure.error = error;
  });
  let number = 0;
  for await (const raw of createInterface({ input: stream, crlfDelay: Infinity })) {
    number++;
    const line = number === 1 ? raw.replace(/^\uFEFF/, '') : raw;
    if (line.trim() === '') continue;
    const resolved = resolvePath(line.trim(), listFolder);
    if (kind === 'image' || (kind === 'auto' && (await isImageLine(line.trim(), resolved)))) {
      const image = line.trim();
      yield { name: image, cells: { image_path: image }, shape: 'image', image: resolved };
    } else {
      yield { name: `${name} line ${String(number)}`, cells: { text: line }, shape: 'text', text: line };
    }
  }
  if (failure.error !== null) yield broken(name, toDiptychError(failure.error, 'INPUT_UNREADABLE', name));
}
