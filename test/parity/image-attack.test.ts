import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { preprocess } from '#diptych/image/preprocess.js';
import type { PreprocessSpec } from '#diptych/image/spec.js';

// Made by test/fixtures/tools/attack_images.py with Pillow 13.0.0: random kinds of every format.
const folder = fileURLToPath(new URL('../fixtures/attack/', import.meta.url));
const { files } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
  readonly files: Readonly<
    Record<string, { readonly cases: readonly { spec: Partial<PreprocessSpec>; sha256: string }[] }>
  >;
};
/** CIELAB and 12-bit TIFFs, which Pillow reads and Diptych refuses by name. */
const REFUSED = new Set(['00018.tif', '00081.tif', '00130.tif', '00339.tif', '00367.tif', '00487.tif']);

const results = async (name: string, spec: Partial<PreprocessSpec>): Promise<string> => {
  const { data, failures } = await preprocess([join(folder, name)], { spec, output: 'uint8' });
  return failures[0]?.code ?? createHash('sha256').update(data).digest('hex');
};

describe('random pictures of every kind, resized by random rules', () => {
  test.each([...new Set(Object.keys(files).map((name) => name.slice(-3)))])('%s', async (ending) => {
    const differing: unknown[] = [];
    for (const [name, { cases }] of Object.entries(files)) {
      if (!name.endsWith(ending)) continue;
      for (const { spec, sha256 } of cases) {
        const actual = await results(name, spec);
        if (actual !== (REFUSED.has(name) ? 'IMAGE_UNSUPPORTED' : sha256))
          differing.push({ name, spec, actual });
      }
    }
    expect(differing).toEqual([]);
  });
});
