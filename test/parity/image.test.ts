import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { preprocess } from '#diptych/image/preprocess.js';

import { differences, FIXTURES, RULES } from './image-rules.js';

describe.each(FIXTURES)('pixels of %s equal the official Python', (folder) => {
  test.each(Object.keys(RULES))('rule %s', async (rule) => {
    expect(await differences(folder, rule)).toEqual([]);
  });
});

/** Arrays of an uncompressed .npz, as bytes. */
function readNpz(path: string): Map<string, Buffer> {
  const zip = readFileSync(path);
  const arrays = new Map<string, Buffer>();
  for (let at = 0; zip.readUInt32LE(at) === 0x04034b50;) {
    const nameLength = zip.readUInt16LE(at + 26);
    const extraLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('latin1', at + 30, at + 30 + nameLength);
    const start = at + 30 + nameLength + extraLength;
    const header = start + 10 + zip.readUInt16LE(start + 8);
    const shape = /'shape': \(([^)]*)\)/.exec(zip.toString('latin1', start, header))?.[1] ?? '';
    const width = zip.toString('latin1', start, header).includes("'<f4'") ? 4 : 1;
    const length = shape
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number)
      .reduce((a, b) => a * b, width);
    arrays.set(name.replace('.npy', ''), zip.subarray(header, header + length));
    at = header + length;
  }
  return arrays;
}

describe('scaling and normalisation equal the official Python bit for bit', () => {
  const arrays = readNpz(join(FIXTURES[0] ?? '', 'preprocess/float_step.npz'));
  const half = [0.5, 0.5, 0.5] as const;
  test.each([
    ['clip', {}],
    ['siglip', { mean: half, std: half }],
    ['align', { mean: half, std: half }],
  ])('%s', async (name, spec) => {
    const image = { data: new Uint8Array(arrays.get('pixels') ?? []), width: 16, height: 16 };
    const { data } = await preprocess([image], { spec: { size: 16, ...spec } });
    expect(Buffer.from(data.buffer).equals(arrays.get(name) ?? Buffer.alloc(0))).toBe(true);
  });
});
