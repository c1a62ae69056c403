import { describe, expect, test } from '@jest/globals';
import { isImageName, sniff } from '#diptych/input/sniff.js';

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );

describe('sniff', () => {
  test.each([
    ['JPEG', bytes([0xff, 0xd8, 0xff, 0xe0]), 'image'],
    ['PNG', bytes([0x89], 'PNG\r\n\x1a\n'), 'image'],
    ['GIF', bytes('GIF89a'), 'image'],
    ['WebP', bytes('RIFF\0\0\0\0WEBPVP8 '), 'image'],
    ['little-endian TIFF', bytes('II*\0'), 'image'],
    ['big-endian TIFF', bytes('MM\0*'), 'image'],
    ['BMP', bytes('BM', [0x46, 0, 0, 0], [0, 0, 0, 0], [0x36, 0, 0, 0], [40, 0, 0, 0]), 'image'],
    ['AVIF', bytes('\0\0\0\x20ftypavif'), 'image'],
    ['a word that begins with BM', bytes('BMW cars are fast and quite expensive'), 'text'],
    ['RIFF that is sound', bytes('RIFF\0\0\0\0WAVEfmt '), 'binary'],
    ['gzip', bytes([0x1f, 0x8b, 8]), 'gzip'],
    ['zstd', bytes([0x28, 0xb5, 0x2f, 0xfd]), 'zstd'],
    ['parquet', bytes('PAR1\x15'), 'parquet'],
    ['npy', bytes([0x93], 'NUMPY'), 'npy'],
    ['tar', Buffer.concat([Buffer.alloc(257, 'a'), Buffer.from('ustar\0')]), 'tar'],
    ['nothing', new Uint8Array(0), 'empty'],
    ['text', Buffer.from('ein Text mit Ümläuten\n'), 'text'],
    ['text cut within a character', Buffer.from('Ü').subarray(0, 1), 'text'],
    ['text of another encoding', bytes('caf\xe9 au lait'), 'binary'],
    ['zeros', new Uint8Array(64), 'binary'],
  ])('%s', (_, content, type) => {
    expect(sniff(content)).toBe(type);
  });

  test('names of images', () => {
    expect(['a.JPG', 'b.tiff', 'c.webp'].map(isImageName)).toEqual([true, true, true]);
    expect(['a.txt', 'jpg', 'b.jpg.bak'].map(isImageName)).toEqual([false, false, false]);
  });
});
