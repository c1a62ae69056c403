import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { preprocess } from '#diptych/image/preprocess.js';
import { native } from '#diptych/native/load.js';

import { FIXTURES } from '../parity/image-rules.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const files = ['photo_420_baseline.jpg', 'gray.jpg', 'cmyk.jpg', 'rgba.png', 'gray_alpha.png', '1x500.png'];
const specs = [
  {},
  { rgb: 'after', cropRounding: 'half-even', interpolation: 'lanczos' },
  { resizeMode: 'squash', size: [97, 131], interpolation: 'box' },
] as const;

const paths = files.map((name) => join(FIXTURES[0] ?? '', 'images', name));
const program = `
  import { createHash } from 'node:crypto';
  import { preprocess } from './dist/image/preprocess.js';
  import { native } from './dist/native/load.js';
  const hash = createHash('sha256');
  for (const spec of ${JSON.stringify(specs)}) {
    for (const output of ['float32', 'float16', 'bfloat16', 'uint8']) {
      const { data } = await preprocess(${JSON.stringify(paths)}, { spec, output });
      hash.update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  console.log(JSON.stringify([hash.digest('hex'), native().cpuInfo().active.resize]));
`;

describe('every kernel that this CPU has gives the same bits', () => {
  test.each(native().cpuInfo().kernels)('%s', async (kernel) => {
    const hash = createHash('sha256');
    for (const spec of specs) {
      for (const output of ['float32', 'float16', 'bfloat16', 'uint8'] as const) {
        const { data } = await preprocess(paths, { spec, output });
        hash.update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      }
    }
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      env: { ...process.env, DIPTYCH_KERNEL: kernel },
    });
    const [digest, active] = JSON.parse(stdout) as unknown[];
    expect(digest).toBe(hash.digest('hex'));
    if (kernel !== 'amx') expect(active).toMatch(new RegExp(`^${kernel}`));
  });

  test('an unknown name is an error that lists the names', async () => {
    const child = run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      env: { ...process.env, DIPTYCH_KERNEL: 'sse9' },
    });
    await expect(child).rejects.toThrow(/KERNEL_UNAVAILABLE|not a kernel family; use one of: .*reference/);
  });
});
