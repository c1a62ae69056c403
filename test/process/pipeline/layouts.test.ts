import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostTensor } from '#diptych/session/host.js';
import { TowerSession } from '#diptych/session/tower-session.js';
import { find } from '../../support/fixtures.js';

jest.setTimeout(120_000);

let folder: string;
let graph: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diptych-layouts-'));
  graph = join(folder, 'vision_model.onnx');
  await cp(join(find('families', 'clip-vit'), 'onnx/vision_model.onnx'), graph);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SIDE = 32;
const open = (): TowerSession =>
  new TowerSession(graph, { device: 'cpu', threads: 2, onWarning: () => undefined });

/** The embedding of one image, as one run after the other gives it. */
async function embed(tower: TowerSession, rows = 3): Promise<Float32Array> {
  const data = Float32Array.from({ length: rows * 3 * SIDE * SIDE }, (_, i) => Math.sin(i));
  const pixels: HostTensor = { type: 'float32', data, dims: [rows, 3, SIDE, SIDE] };
  const session = await tower.get();
  const { outputs } = await session.run({ pixel_values: pixels }, { outputs: ['image_embeds'] });
  return Float32Array.from(outputs['image_embeds']?.data as Float32Array);
}

describe('layouts of the encoder', () => {
  test('runs go on while the sessions change, and their bits stay', async () => {
    const tower = open();
    const expected = await embed(tower);
    expect(tower.sessions).toBe(1);
    const changed = tower.retune({ sessions: 2, threads: 2 });
    for (let run = 0; run < 40; run++) expect(await embed(tower)).toEqual(expected);
    await changed;
    expect(tower.sessions).toBe(2);
    const together = await Promise.all(Array.from({ length: 6 }, () => embed(tower)));
    for (const rows of together) expect(rows).toEqual(expected);
    await tower.retune({ sessions: 1, threads: 1 });
    expect(tower.sessions).toBe(1);
    expect(await embed(tower)).toEqual(expected);
    await tower.close();
  });

  test('a graph that cannot be opened again leaves all as it was', async () => {
    const tower = open();
    const expected = await embed(tower);
    await rm(graph);
    await tower.retune({ sessions: 2, threads: 2 });
    expect(tower.sessions).toBe(1);
    expect(await embed(tower)).toEqual(expected);
    await tower.close();
  });

  test('closing ends a change that is under way', async () => {
    const tower = open();
    await embed(tower);
    const changed = tower.retune({ sessions: 2, threads: 2 });
    await tower.close();
    await changed;
    await expect(tower.get()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
