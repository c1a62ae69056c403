import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { npyHeader, readNpy, readNpyHeader, readNpyRows } from '#diptych/output/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();

function save(name: string, header: Uint8Array, body: ArrayBufferView): string {
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([header, Buffer.from(body.buffer, body.byteOffset, body.byteLength)]));
  return file;
}

describe('npy header', () => {
  // As numpy 2.4.6 writes np.save of np.zeros((2, 3), np.float32).
  test('is what numpy writes, byte for byte', () => {
    const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const expected = `\x93NUMPY\x01\x00\x76\x00${dictionary}${' '.repeat(117 - dictionary.length)}\n`;
    expect(Buffer.from(npyHeader('<f4', [2, 3])).toString('latin1')).toBe(expected);
  });

  test('a one-dimensional shape keeps its comma', () => {
    expect(Buffer.from(npyHeader('|u1', [7])).toString('latin1')).toContain("'shape': (7,), }");
  });

  test.each([[[0, 512]], [[1, 512]], [[999_999_999_999, 512]], [[5, 32, 768]], [[123_456, 3, 1024, 1024]]])(
    'shape %p: a multiple of 64 bytes, the same length as with no rows',
    (shape) => {
      const header = npyHeader('<f4', shape);
      expect(header.length % 64).toBe(0);
      expect(header.length).toBe(npyHeader('<f4', [0, ...shape.slice(1)]).length);
    },
  );
});

describe('npy reader', () => {
  test('gives back rows of every type as float32', async () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff);
    const half = save('half.npy', npyHeader('<f2', [2, 2]), halves);
    expect(await readNpy(half)).toEqual({ data: Float32Array.of(1, -2, 2 ** -24, 65504), shape: [2, 2] });
    const bytes = save('bytes.npy', npyHeader('|u1', [3]), Uint8Array.of(0, 7, 255));
    expect((await readNpy(bytes)).data).toEqual(Float32Array.of(0, 7, 255));
    const brains = save(
      'bfloat16.npy',
      Buffer.from(
        Buffer.from(npyHeader('<f2', [2]))
          .toString('latin1')
          .replace('<f2', '<V2'),
        'latin1',
      ),
      Uint16Array.of(0x3f80, 0xc049),
    );
    expect((await readNpy(brains)).data).toEqual(Float32Array.of(1, -3.140625));
    const integers = save('integers.npy', npyHeader('<i4', [2]), Int32Array.of(-5, 6));
    expect((await readNpy(integers)).data).toEqual(Float32Array.of(-5, 6));
  });

  test('reads a range of rows', async () => {
    const file = save(
      'rows.npy',
      npyHeader('<f4', [4, 2]),
      Float32Array.from({ length: 8 }, (_, at) => at),
    );
    expect(await readNpy(file, 1, 2)).toEqual({ data: Float32Array.of(2, 3, 4, 5), shape: [2, 2] });
    expect((await readNpy(file, 3, 9)).shape).toEqual([1, 2]);
    expect((await readNpy(file, 9, 1)).shape).toEqual([0, 2]);
  });

  test('reads into memory of the elements own type, or converts; rows beyond 4 GiB are where they should be', async () => {
    const file = save('own.npy', npyHeader('<f2', [3, 2]), Uint16Array.of(0x3c00, 0x4000, 3, 4, 5, 6));
    const own = new Uint16Array(4);
    await readNpyRows(file, 1, own);
    expect(own).toEqual(Uint16Array.of(3, 4, 5, 6));
    const floats = new Float32Array(2);
    await readNpyRows(file, 0, floats);
    expect(floats).toEqual(Float32Array.of(1, 2));
    await expect(readNpyRows(file, 0, new Int8Array(2))).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
    await expect(readNpyRows(file, 2, own)).rejects.toThrow(/ends early/);
    // A file of 5 GiB that takes no room on disk.
    const rows = 5 * 2 ** 20;
    const header = npyHeader('<f4', [rows, 256]);
    const large = save('large.npy', header, new Uint8Array(0));
    truncateSync(large, header.length + rows * 1024);
    const handle = openSync(large, 'r+');
    writeSync(handle, new Uint8Array(Float32Array.of(42).buffer), 0, 4, header.length + rows * 1024 - 4);
    closeSync(handle);
    const last = new Float32Array(256);
    await readNpyRows(large, rows - 1, last);
    expect([last[0], last[255]]).toEqual([0, 42]);
  });

  test.each([
    ['no npy file', Buffer.from('hello, this is a text'), /not a \.npy/],
    ['an unknown version', Buffer.from('\x93NUMPY\x09\x00\x76\x00{}', 'latin1'), /version 9/],
    ['a short file', npyHeader('<f4', [5, 5]), /ends early/],
    [
      'Fortran order',
      Buffer.from(npyHeader('<f4', [2, 3]))
        .toString('latin1')
        .replace('False', 'True '),
      /Fortran/,
    ],
    [
      'big-endian numbers',
      Buffer.from(npyHeader('<f4', [0, 3]))
        .toString('latin1')
        .replace('<f4', '>f4'),
      />f4/,
    ],
    [
      'objects',
      Buffer.from(npyHeader('<f4', [0, 3]))
        .toString('latin1')
        .replace('<f4', '|O '),
      /\|O/,
    ],
    ['an absurd shape', npyHeader('<f4', [Number.MAX_SAFE_INTEGER, 1000]), /absurd/],
  ])('%s is refused with the file named', async (name, content, message) => {
    const file = join(folder, `${name}.npy`);
    writeFileSync(file, typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
    await expect(readNpy(file)).rejects.toMatchObject({ code: 'OUTPUT_INVALID', input: file });
    await expect(readNpy(file)).rejects.toThrow(message);
  });

  test('a file that is not there is told as such', async () => {
    await expect(readNpyHeader(join(folder, 'none.npy'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
  });
});
