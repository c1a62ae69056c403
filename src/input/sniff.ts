import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiptychError } from '../errors.js';

/** What the first bytes of a file say that it is. */
export type FileType = 'image' | 'tar' | 'gzip' | 'zstd' | 'parquet' | 'npy' | 'text' | 'empty' | 'binary';

/** A tar's mark stands at byte 257; the rest is told by less. */
export const SNIFF_BYTES = 512;

const ascii = (bytes: Uint8Array, at: number, text: string): boolean =>
  [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));

function isImage(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xd8 && c === 0xff) return true;
  if (a === 0x89 && ascii(bytes, 1, 'PNG')) return true;
  if (ascii(bytes, 0, 'GIF8')) return true;
  if (ascii(bytes, 0, 'RIFF') && ascii(bytes, 8, 'WEBP')) return true;
  if (a === 0x49 && b === 0x49 && (c === 0x2a || c === 0x2b) && d === 0) return true;
  if (a === 0x4d && b === 0x4d && c === 0 && (d === 0x2a || d === 0x2b)) return true;
  if (
    ascii(bytes, 4, 'ftyp') &&
    ['avif', 'avis', 'heic', 'heix', 'mif1', 'msf1'].some((brand) => ascii(bytes, 8, brand))
  )
    return true;
  // "BM" alone begins many words: the reserved fields of the header must be zero too.
  return ascii(bytes, 0, 'BM') && bytes.length >= 18 && bytes.subarray(6, 10).every((byte) => byte === 0);
}

/** Text: UTF-8 (a character may be cut at the end) with no control characters but whitespace. */
function isText(bytes: Uint8Array): boolean {
  if (
    bytes.some(
      (byte) =>
        byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x0c && byte !== 0x1b,
    )
  )
    return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Tells a file's type by its first bytes (at least {@link SNIFF_BYTES} of them where there are as many). */
export function sniff(bytes: Uint8Array): FileType {
  if (bytes.length === 0) return 'empty';
  if (isImage(bytes)) return 'image';
  if (ascii(bytes, 257, 'ustar')) return 'tar';
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip';
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return 'zstd';
  if (ascii(bytes, 0, 'PAR1')) return 'parquet';
  if (bytes[0] === 0x93 && ascii(bytes, 1, 'NUMPY')) return 'npy';
  return isText(bytes) ? 'text' : 'binary';
}

/** What stands where a file was expected: a pipe, a socket or a device. */
export const notRegular = (file: string): DiptychError =>
  new DiptychError('INPUT_UNREADABLE', 'is not a regular file', { input: file });

/**
 * Reads the beginning of a file and tells its type. Throws what the file system throws, and INPUT_UNREADABLE for what is
 * no regular file: to open a pipe that nobody writes to would never end, and there are devices that mind being opened.
 */
export async function sniffFile(file: string): Promise<FileType> {
  const found = await stat(file);
  if (!found.isFile() && !found.isDirectory()) throw notRegular(file);
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = new Uint8Array(SNIFF_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, SNIFF_BYTES, 0);
    return sniff(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

const IMAGE_NAMES = new Set(
  'jpg jpeg jpe jfif png apng webp gif tif tiff bmp dib avif heic heif jp2 ppm pgm pbm pnm jxl svg ico tga'.split(
    ' ',
  ),
);

/** Whether the name claims to be an image: such a file is given to the decoder whatever its bytes are. */
export function isImageName(file: string): boolean {
  return IMAGE_NAMES.has(path.extname(file).slice(1).toLowerCase());
}
