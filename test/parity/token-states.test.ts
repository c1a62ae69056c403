import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '#diptych/index.js';
import { find, folders, roots } from '../support/fixtures.js';
import { readFloats } from '../support/npy.js';
import { maxDifference } from '../support/compare.js';

const present = new Set(roots.flatMap(([, root]) => folders(root, 'families')));

describe('token states', () => {
  (present.has('sd-text-encoder') ? test : test.skip)('of a Stable Diffusion text encoder', async () => {
    const folder = find('families', 'sd-text-encoder');
    const { texts } = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as { texts: string[] };
    await using model = await loadModel(folder, { onWarning: () => undefined });
    const states = await model.embedTextTokens(texts);
    const wanted = readFloats(join(folder, 'reference', 'last_hidden_state.npy'));
    expect([states.rows, states.vectors, states.dim]).toEqual(wanted.shape);
    expect(maxDifference(states.data, wanted.data)).toBeLessThan(1e-4);
    const pooled = await model.embedTextTokens(texts, { layer: 'pooled' });
    expect(
      maxDifference(pooled.data, readFloats(join(folder, 'reference', 'pooler_output.npy')).data),
    ).toBeLessThan(1e-4);
    await expect(model.embedTextTokens(texts, { layer: 'penultimate' })).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
    });
  });

  test('patch tokens of a vision transformer', async () => {
    const folder = find('families', 'clip-vit');
    await using model = await loadModel(folder, { onWarning: () => undefined });
    const photo = find('images', 'photo_420_baseline.jpg');
    const states = await model.embedImageTokens([photo, photo]);
    expect([states.rows, states.vectors, states.dim]).toEqual([2, 17, 32]);
    expect(states.data.subarray(0, 17 * 32)).toEqual(states.data.subarray(17 * 32));
    expect(states.data.every(Number.isFinite)).toBe(true);
    await expect(model.embedImageTokens(photo, { layer: 'first' as 'last' })).rejects.toMatchObject({
      code: 'BAD_OPTION',
    });
  });
});
