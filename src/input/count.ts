import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { expandBraces } from './braces.js';
import { isUrl, type InputKind } from './item.js';
import { isImageName } from './sniff.js';
import { walkInAnyOrder } from './walk.js';

const BLOCK = 512;
const NEWLINE = 10;

/** Samples of a tar, from its headers alone: those that share the path up to the first dot count once. */
async function tarSamples(file: string, kind: InputKind): Promise<number> {
  const handle = await open(file, 'r');
  try {
    const header = Buffer.alloc(BLOCK);
    let samples = 0;
    let last = '';
    for (let at = 0; (await handle.read(header, 0, BLOCK, at)).bytesRead === BLOCK;) {
      const text = (from: number, to: number): string =>
        header.toString('latin1', from, to).replace(/\0.*$/s, '').trim();
      const name = text(0, 100);
      if (name === '') break;
      const size = Number.parseInt(text(124, 136), 8);
      if (!Number.isSafeInteger(size)) break;
      const key = name.replace(/^((?:.*\/)?[^./]*)\..*$/s, '$1');
      const counts = kind === 'text' ? /\.(txt|caption|text)$/i.test(name) : isImageName(name);
      if (counts && key !== last) {
        samples++;
        last = key;
      }
      at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
    return samples;
  } finally {
    await handle.close();
  }
}

async function lines(file: string): Promise<number> {
  let count = 0;
  const stream: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: 1 << 20 });
  for await (const chunk of stream) {
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++;
  }
  return count;
}

/** Counts the items of inputs without reading them, for an estimate of the time that is left. */
class InputCounter {
  readonly #kind: InputKind;
  readonly #signal: AbortSignal;
  /** Of the first tar: the others are taken to be like it. */
  #samplesPerByte: number | null = null;

  constructor(kind: InputKind, signal: AbortSignal) {
    this.#kind = kind;
    this.#signal = signal;
  }

  async count(inputs: readonly string[]): Promise<number | null> {
    let total = 0;
    for (const given of inputs) {
      for (const input of expandBraces(given)) {
        const count = await this.#input(input);
        if (count === null || this.#signal.aborted) return null;
        total += count;
      }
    }
    return total;
  }

  async #input(input: string): Promise<number | null> {
    if (input === '-') return null;
    if (isUrl(input)) return 1;
    const found = await stat(input).catch(() => null);
    if (found?.isDirectory() === true) return this.#folder(input);
    // What a pipe holds can be read once.
    if (found !== null) return found.isFile() ? this.#file(input, found.size) : null;
    let total = 0;
    const { glob } = await import('tinyglobby');
    const pattern = input.split(path.sep).join('/');
    for (const file of await glob(pattern, { absolute: true, onlyFiles: true, expandDirectories: false })) {
      const count = await this.#file(file, (await stat(file)).size);
      if (count === null) return null;
      total += count;
    }
    return Math.max(total, 1);
  }

  async #folder(folder: string): Promise<number | null> {
    let total = 0;
    for await (const file of walkInAnyOrder(folder)) {
      if (this.#signal.aborted) return null;
      if (this.#kind === 'text') total += /\.txt$/i.test(file) ? 1 : 0;
      else if (isImageName(file)) total++;
      else if (/\.(tar|tgz)(\.(gz|zst))?$/i.test(file)) {
        const count = await this.#file(file, (await stat(file)).size);
        if (count === null) return null;
        total += count;
      }
    }
    return total;
  }

  async #file(file: string, bytes: number): Promise<number | null> {
    switch (path.extname(file).slice(1).toLowerCase()) {
      case 'tar': {
        if (this.#samplesPerByte === null) {
          const samples = await tarSamples(file, this.#kind);
          if (bytes > 0 && samples > 0) this.#samplesPerByte = samples / bytes;
          return samples;
        }
        return Math.round(bytes * this.#samplesPerByte);
      }
      case 'tgz':
      case 'gz':
      case 'zst':
        return null;
      case 'parquet': {
        const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
        const buffer = await asyncBufferFromFile(file);
        return Number((await parquetMetadataAsync(buffer)).num_rows);
      }
      case 'csv':
      case 'tsv':
        return Math.max(0, (await lines(file)) - 1);
      case 'jsonl':
      case 'ndjson':
      case 'txt':
      case 'list':
      case 'lst':
        return lines(file);
      default:
        return 1;
    }
  }
}

/**
 * How many items the inputs hold, told without reading them; null where it cannot be (standard input, compressed tars)
 * or anything goes wrong: an estimate must not stop a run.
 */
export function countInputs(
  inputs: readonly string[],
  kind: InputKind,
  signal: AbortSignal,
): Promise<number | null> {
  return new InputCounter(kind, signal).count(inputs).catch(() => null);
}
