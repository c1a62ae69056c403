import { DiptychError } from '../errors.js';

/** An image: a path, a file: URL, or the bytes of a file. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer;

/** Checked image inputs with their positions. */
export function imageItems(
  images: readonly ImageInput[] | ImageInput,
): { index: number; item: string | Uint8Array }[] {
  return asList(images, 'images').map((item, index) => ({ index, item: imageItem(item, index) }));
}

/** A list, or one item as a list of one. Throws BAD_INPUT. */
export function asList<T>(value: readonly T[] | T, what: string): readonly T[] {
  if (Array.isArray(value)) return value as readonly T[];
  if (typeof value === 'string' || value instanceof URL || ArrayBuffer.isView(value) || isArrayBuffer(value))
    return [value as T];
  throw new DiptychError('BAD_INPUT', `expected an array, got ${value === null ? 'null' : typeof value}`, {
    input: what,
  });
}

/** A view of memory that is there. Node 20 cannot be asked whether a buffer is detached: no view of one can be made. */
function viewOf(buffer: ArrayBuffer, at: number, length: number | undefined, index: number): Uint8Array {
  try {
    return new Uint8Array(buffer, at, length);
  } catch (cause) {
    throw new DiptychError('BAD_INPUT', 'its buffer was detached', {
      input: `images[${String(index)}]`,
      cause,
    });
  }
}

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]';
}

/** Checks one image input; a file: URL becomes its path. */
export function imageItem(item: unknown, index: number): string | Uint8Array {
  if (typeof item === 'string') {
    if (item !== '' && !item.includes('\0')) return item;
    throw new DiptychError('BAD_INPUT', 'expected a path, got an empty string or one with a zero byte', {
      input: `images[${String(index)}]`,
    });
  }
  if (item instanceof URL && item.protocol === 'file:') return decodeURIComponent(item.pathname);
  if (ArrayBuffer.isView(item)) {
    const { buffer, byteOffset, byteLength } = item;
    if (isArrayBuffer(buffer)) {
      return viewOf(buffer, byteOffset, byteLength, index);
    }
    return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  }
  if (isArrayBuffer(item)) return viewOf(item, 0, undefined, index);
  const got = item === null ? 'null' : item instanceof URL ? `a ${item.protocol} URL` : typeof item;
  throw new DiptychError(
    'BAD_INPUT',
    `expected a path, a file: URL or the bytes of an image file, got ${got}`,
    {
      input: `images[${String(index)}]`,
    },
  );
}

/** Checks one text input. */
export function textItem(item: unknown, index: number): string {
  if (typeof item === 'string') return item;
  throw new DiptychError('BAD_INPUT', `expected a string, got ${item === null ? 'null' : typeof item}`, {
    input: `texts[${String(index)}]`,
  });
}
