import { createReadStream } from 'node:fs';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { extract } from 'tar-stream';
import { DiptychError, toDiptychError } from '../errors.js';
import type { Cell } from '../output/cells.js';
import { broken, MOST_IMAGE_BYTES, type InputItem, type InputKind } from './item.js';
import { jsonCells } from './sample.js';
import { isImageName, sniff } from './sniff.js';

const TEXT_ENDINGS = ['txt', 'caption', 'text'];

interface Member {
  readonly name: string;
  readonly ending: string;
  readonly bytes: Buffer;
}

/** Webdataset's rule: members that share the path up to the first dot of the file's name are one sample. */
function splitName(name: string): { key: string; ending: string } {
  const slash = name.lastIndexOf('/');
  const dot = name.indexOf('.', slash + 1);
  return dot === -1
    ? { key: name, ending: '' }
    : { key: name.slice(0, dot), ending: name.slice(dot + 1).toLowerCase() };
}

/** zstd through a package: Node has its own only from version 22.15 on. */
function unzstd(): Transform {
  const output: { push: (chunk: Uint8Array) => void } = { push: () => undefined };
  const decoder = new Decompress((chunk) => {
    output.push(chunk);
  });
  const stream = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      try {
        decoder.push(chunk);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
    flush(done) {
      try {
        decoder.push(new Uint8Array(0), true);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
  output.push = (chunk) => {
    stream.push(chunk);
  };
  return stream;
}

function decompress(source: Readable, first: Uint8Array): Readable {
  const type = sniff(first);
  const filter = type === 'gzip' ? createGunzip() : type === 'zstd' ? unzstd() : new PassThrough();
  source.once('error', (error) => {
    filter.destroy(error);
  });
  return source.pipe(filter);
}

/** The members of one sample as an item; null where there is nothing to embed. */
function sampleItem(tar: string, key: string, members: readonly Member[], kind: InputKind): InputItem | null {
  const image =
    kind === 'text'
      ? undefined
      : members.find(({ name, bytes }) => isImageName(name) || sniff(bytes) === 'image');
  const caption = kind === 'image' ? undefined : members.find(({ ending }) => TEXT_ENDINGS.includes(ending));
  const json = members.find(({ ending }) => ending === 'json');
  const own = json === undefined ? {} : jsonCells(json.bytes);
  const captionOfJson = kind === 'image' ? undefined : own['caption'];
  const text =
    caption?.bytes.toString().trim() ?? (typeof captionOfJson === 'string' ? captionOfJson : undefined);
  const cells: Record<string, Cell> = {};
  if (image !== undefined) cells['image_path'] = `${tar}/${image.name}`;
  if (text !== undefined) cells['text'] = text;
  Object.assign(cells, { key, ...own, ...cells });
  const name = image === undefined ? `${tar}/${key}` : `${tar}/${image.name}`;
  if (image !== undefined) {
    return text === undefined
      ? { name, cells, shape: 'image', image: image.bytes }
      : { name, cells, shape: 'pair', image: image.bytes, text };
  }
  return text === undefined ? null : { name, cells, shape: 'text', text };
}

/**
 * Samples of a webdataset tar (plain, gzip or zstd), streamed: one sample in memory at a time. Rows are images, texts,
 * or pairs where a sample has both; the keys of its .json become columns. A tar that ends early gives what is whole,
 * then one broken item.
 */
export async function* tarItems(
  name: string,
  source: Readable,
  first: Uint8Array,
  kind: InputKind,
): AsyncGenerator<InputItem, void, undefined> {
  const archive = extract();
  const input = decompress(source, first);
  input.once('error', (error) => {
    archive.destroy(error);
  });
  input.pipe(archive);
  let key: string | null = null;
  let members: Member[] = [];
  const finish = (): InputItem | null => (key === null ? null : sampleItem(name, key, members, kind));
  try {
    for await (const entry of archive) {
      const { header } = entry;
      if (header.type !== 'file' || header.name.split('/').at(-1)?.startsWith('.') === true) {
        entry.resume();
        continue;
      }
      if (header.size > MOST_IMAGE_BYTES) {
        entry.resume();
        // What is no image is not needed: a film beside its frame, say.
        if (!isImageName(header.name)) continue;
        const error = new DiptychError('IMAGE_TOO_LARGE', `has ${String(header.size)} bytes`, {
          input: header.name,
        });
        yield broken(`${name}/${header.name}`, error);
        continue;
      }
      const { key: own, ending } = splitName(header.name);
      if (own !== key) {
        const item = finish();
        if (item !== null) yield item;
        key = own;
        members = [];
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of entry) {
        const content: unknown = chunk;
        if (content instanceof Uint8Array) chunks.push(content);
      }
      members.push({ name: header.name, ending, bytes: Buffer.concat(chunks) });
    }
    const item = finish();
    if (item !== null) yield item;
  } catch (error) {
    // The sample in hand may lack its other half: it is not given.
    yield broken(name, toDiptychError(error, 'INPUT_UNREADABLE', name));
  } finally {
    source.destroy();
  }
}

export function openTar(file: string): Readable {
  return createReadStream(file, { highWaterMark: 1 << 18 });
}
