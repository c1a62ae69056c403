import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { preprocess } from '#diptych/image/preprocess.js';

import { FIXTURES } from './image-rules.js';

interface BadFile {
  readonly file: string;
  readonly why: string;
  readonly expect: string;
}

/** The code of each file that must be refused; those not named here give a picture. */
const CODES: Readonly<Record<string, string>> = {
  'truncated.jpg': 'IMAGE_TRUNCATED',
  'truncated_progressive.jpg': 'IMAGE_TRUNCATED',
  'truncated_header.jpg': 'IMAGE_TRUNCATED',
  'truncated.png': 'IMAGE_TRUNCATED',
  'truncated.webp': 'IMAGE_TRUNCATED',
  'truncated.gif': 'IMAGE_TRUNCATED',
  'zero_bytes.jpg': 'IMAGE_EMPTY',
  'one_byte.png': 'IMAGE_UNSUPPORTED',
  'text.jpg': 'IMAGE_UNSUPPORTED',
  'html.png': 'IMAGE_UNSUPPORTED',
  'wrong_crc_ihdr.png': 'IMAGE_CORRUPT',
  'corrupt_zlib.png': 'IMAGE_CORRUPT',
  'bomb.png': 'IMAGE_TOO_LARGE',
  'bomb_gray.png': 'IMAGE_TOO_LARGE',
  'zero_width.png': 'IMAGE_CORRUPT',
  'bomb.jpg': 'IMAGE_TOO_LARGE',
  'corrupt_dht.jpg': 'IMAGE_CORRUPT',
  'corrupt_dqt_length.jpg': 'IMAGE_TRUNCATED',
  'random.webp': 'IMAGE_TRUNCATED',
};

/** The file without its quantisation tables, two stray bytes in the place of each. */
function withoutTables(jpeg: Buffer): Buffer {
  const parts = [jpeg.subarray(0, 2)];
  let at = 2;
  while (jpeg[at + 1] !== 0xda) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    parts.push(jpeg[at + 1] === 0xdb ? Buffer.of(0x11, 0x22) : jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...parts, jpeg.subarray(at)]);
}

test('a JPEG that libjpeg warns of first and then gives up is refused, not shown with the pixels of another', async () => {
  const sound = readFileSync(join(FIXTURES[0] ?? '', 'images', 'photo_444.jpg'));
  const { failures, indices } = await preprocess([sound, withoutTables(sound)], { workers: 1 });
  expect(indices).toEqual([0]);
  expect(failures.map(({ code }) => code)).toEqual(['IMAGE_CORRUPT']);
});

describe.each(FIXTURES)('broken files of %s', (folder) => {
  const list = JSON.parse(readFileSync(join(folder, 'bad/bad.json'), 'utf8')) as {
    readonly files: readonly BadFile[];
  };
  const paths = list.files.map(({ file }) => join(folder, 'bad', file));

  test.each(list.files)('$file: $why', async ({ file, expect: wanted }) => {
    const { failures, notices, indices } = await preprocess([join(folder, 'bad', file)], { output: 'uint8' });
    expect(failures.map(({ code }) => code)).toEqual(file in CODES ? [CODES[file]] : []);
    if (!(file in CODES)) {
      expect(indices).toEqual([0]);
      expect(notices.length).toBe(wanted.startsWith('either') ? 1 : 0);
    }
  });

  test('cost only themselves: the others keep their pixels and their order', async () => {
    const good = join(folder, 'images', 'photo_444.jpg');
    const alone = await preprocess([good]);
    const mixed = await preprocess(
      paths.flatMap((path) => [path, good]),
      { workers: 2 },
    );
    const slot = alone.data.length;
    expect(mixed.failures.map(({ input }) => input)).toEqual(
      list.files.filter(({ file }) => file in CODES).map(({ file }) => join(folder, 'bad', file)),
    );
    mixed.indices.forEach((index, row) => {
      if (index % 2 === 0) return;
      const pixels = mixed.data.subarray(row * slot, (row + 1) * slot);
      expect(
        Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength).equals(
          Buffer.from(alone.data.buffer),
        ),
      ).toBe(true);
    });
    expect(mixed.indices.filter((index) => index % 2 === 1)).toHaveLength(paths.length);
  });

  test('truncated pictures can be kept', async () => {
    const cut = ['truncated.jpg', 'truncated.png', 'truncated.gif'].map((name) => join(folder, 'bad', name));
    const { indices, notices } = await preprocess(cut, { allowTruncated: true, output: 'uint8' });
    expect(indices).toEqual([0, 1, 2]);
    expect(notices).toHaveLength(3);
  });
});
