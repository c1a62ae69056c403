import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decode } from 'fast-png';
import { maxDifference } from '../../support/compare.js';
import { local } from '../../support/fixtures.js';

interface Golden {
  readonly photo: string;
  readonly texts: readonly string[];
  readonly rows: number;
  readonly columns: number;
  readonly cosines: readonly (readonly number[])[];
}

const here = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heatmap-'));
  await cp(join(local, 'families', 'clip-vit'), join(folder, 'model'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

async function heatMap(text: string, photo: string): Promise<{ stdout: string; picture: string }> {
  const picture = join(folder, 'map.png');
  const command = ['arithmetic', 'heatmap', photo, '--text', text, '--out', picture, '--model'];
  const main = here('dist/cli/main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[main, ...command, join(folder, 'model'), '--json', '--quiet'],
  ]);
  return { stdout, picture };
}

test('patches against texts: the cosines that Python finds, as numbers and as a picture', async () => {
  const golden = JSON.parse(
    await readFile(join(local, 'tasks', 'heatmap', 'heatmap.json'), 'utf8'),
  ) as Golden;
  const photo = here(`examples/photos/${golden.photo}`);
  // The graph of that folder gives tokens before the projection: told, not compared.
  await expect(heatMap(golden.texts[0] ?? '', photo)).rejects.toMatchObject({
    stderr: expect.stringMatching(/MODEL_UNSUPPORTED.*projected/) as unknown,
  });
  await cp(
    join(local, 'tasks', 'heatmap', 'vision_model.onnx'),
    join(folder, 'model', 'onnx', 'vision_model.onnx'),
  );
  for (const [at, text] of golden.texts.entries()) {
    const { stdout, picture } = await heatMap(text, photo);
    const found = JSON.parse(stdout) as {
      rows: number;
      columns: number;
      values: number[];
      peak: { row: number; column: number; cosine: number };
    };
    const wanted = golden.cosines[at] ?? [];
    expect([found.rows, found.columns, found.values.length]).toEqual([golden.rows, golden.columns, 16]);
    expect(maxDifference(found.values, wanted)).toBeLessThan(1e-4);
    const best = wanted.indexOf(Math.max(...wanted));
    expect(found.peak).toMatchObject({
      row: Math.floor(best / golden.columns),
      column: best % golden.columns,
    });
    const { width, height } = decode(await readFile(picture));
    expect(Math.min(width, height)).toBeGreaterThan(100);
  }
}, 60_000);
