import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const paths = ['images', 'attack', 'generated'].flatMap((name) => {
  const folder = join(root, 'test/fixtures', name);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jpg'))
    .map((file) => join(folder, file));
});
const program = `
  import { createHash } from 'node:crypto';
  import { preprocess } from './dist/image/preprocess.js';
  import { native } from './dist/native/load.js';
  const answers = [];
  for (const path of ${JSON.stringify(paths)}) {
    const { data, failures } = await preprocess([path], { output: 'uint8', spec: { rgb: 'after' } });
    answers.push(failures[0]?.code ?? createHash('sha256').update(data).digest('hex'));
  }
  console.log(JSON.stringify({ jpeg: native().decoderInfo().jpeg, answers }));
`;

async function decodeAll(jpeg: string): Promise<{ jpeg: string; answers: string[] }> {
  const env = { ...process.env, DIPTYCH_JPEG: jpeg };
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: root, env });
  return JSON.parse(stdout) as { jpeg: string; answers: string[] };
}

describe('JPEG without libjpeg-turbo', () => {
  test('libvips gives the same pixels, for every kind', async () => {
    const [turbo, vips] = [await decodeAll(''), await decodeAll('libvips')];
    expect(turbo.jpeg).toMatch(/^libjpeg-turbo 3/);
    expect(vips.jpeg).toMatch(/^libvips/);
    const differing = paths.filter((_, i) => turbo.answers[i] !== vips.answers[i]);
    expect(differing).toEqual([]);
    expect(turbo.answers.length).toBeGreaterThan(40);
  });
});
