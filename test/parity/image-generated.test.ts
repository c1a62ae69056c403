import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { preprocess } from '#diptych/image/preprocess.js';
import type { PreprocessSpec } from '#diptych/image/spec.js';

interface Case {
  readonly spec: Partial<PreprocessSpec>;
  readonly sha256: string;
}

// Made by test/fixtures/tools/make_images.py with Pillow 13.0.0.
const folder = fileURLToPath(new URL('../fixtures/generated/', import.meta.url));
const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
  readonly files: Readonly<Record<string, readonly Case[] | { readonly error: string }>>;
};

const isRefused = (
  entry: readonly Case[] | { readonly error: string },
): entry is { readonly error: string } => 'error' in entry;

describe('kinds of pictures: depths, palettes, passes, subsamplings, orientations', () => {
  test.each(Object.keys(golden.files))('%s', async (name) => {
    const entry = golden.files[name] ?? [];
    // What Pillow refuses to convert may be refused or read, but never crash.
    if (isRefused(entry)) {
      await preprocess([join(folder, name)]);
      return;
    }
    const differing: unknown[] = [];
    for (const { spec, sha256 } of entry) {
      const { data, failures } = await preprocess([join(folder, name)], { spec, output: 'uint8' });
      const actual = failures[0]?.message ?? createHash('sha256').update(data).digest('hex');
      if (actual !== sha256) differing.push({ spec, actual });
    }
    expect(differing).toEqual([]);
  });
});
