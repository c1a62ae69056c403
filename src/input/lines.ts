import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { toDiptychError } from '../errors.js';
import { resolvePath } from './columns.js';
import { broken, isUrl, type InputItem, type InputKind } from './item.js';
import { isImageName, sniffFile } from './sniff.js';

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

/** The lines of a stream. An error of the stream ends them, and is kept. */
export class LineReader implements AsyncIterable<string> {
  readonly #stream: Readable;
  /** Null while all is well. */
  error: { readonly thrown: unknown } | null = null;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('error', (thrown) => {
      this.error ??= { thrown };
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    let isFirst = true;
    try {
      for await (const line of createInterface({ input: this.#stream, crlfDelay: Infinity })) {
        yield isFirst ? line.replace(/^\uFEFF/, '') : line;
        isFirst = false;
      }
    } catch (thrown) {
      this.error ??= { thrown };
    }
  }

  /** What became of a file that could not be read to its end: an item of its own. */
  *broken(name: string): Generator<InputItem, void, undefined> {
    if (this.error !== null) yield broken(name, toDiptychError(this.error.thrown, 'INPUT_UNREADABLE', name));
  }
}

/** Items of a list: one path, URL or text per line; empty lines are skipped. */
export async function* lineItems(
  name: string,
  stream: Readable,
  kind: InputKind,
  listFolder: string | null,
): AsyncGenerator<InputItem, void, undefined> {
  const lines = new LineReader(stream);
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const resolved = resolvePath(line.trim(), listFolder);
    if (kind === 'image' || (kind === 'auto' && (await isImageLine(line.trim(), resolved)))) {
      const image = line.trim();
      yield { name: image, cells: { image_path: image }, shape: 'image', image: resolved };
    } else {
      yield { name: `${name} line ${String(number)}`, cells: { text: line }, shape: 'text', text: line };
    }
  }
  yield* lines.broken(name);
}
