import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { InputItem } from '#diptych/input/item.js';
import { embedFiles } from '#diptych/pipeline/embed-files.js';
import { fakeEmbedder, filesOptions } from '../../support/fake-embedder.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();

const items: InputItem[] = Array.from({ length: 45 }, (_, at) => {
  const name = `photo${String(at)}`;
  return { name, cells: { image_path: name }, shape: 'image', image: name };
});

async function* stream(): AsyncGenerator<InputItem, void, undefined> {
  await Promise.resolve();
  yield* items;
}

const vectors = (folder: string): string[] =>
  readdirSync(join(folder, 'img_emb')).map((file) =>
    readFileSync(join(folder, 'img_emb', file)).toString('base64'),
  );

test.each([
  ['moved', false],
  ['unmounted: another folder is left in its place', true],
])(
  'an output folder that goes in mid-run (%s) ends it; nothing is written beside it',
  async (_, replaced) => {
    const folder = join(root, `out-${String(replaced)}`);
    const embedder = fakeEmbedder(4, (batch) => {
      if (batch !== 6) return;
      renameSync(folder, `${folder}-away`);
      if (replaced) mkdirSync(folder);
    });
    await expect(embedFiles(embedder, stream(), filesOptions(folder))).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      input: folder,
    });
    if (replaced) expect(readdirSync(folder)).toEqual([]);
    const away = `${folder}-away`;
    const { state, rowsThisRun } = await embedFiles(
      fakeEmbedder(4),
      stream(),
      filesOptions(away, { existing: 'resume' }),
    );
    expect([state.counts.rows, rowsThisRun < 45]).toEqual([45, true]);
    const whole = join(root, `whole-${String(replaced)}`);
    await embedFiles(fakeEmbedder(4), stream(), filesOptions(whole));
    expect(vectors(away)).toEqual(vectors(whole));
  },
);

test('a whole part that has gone is missed by --resume', async () => {
  const folder = join(root, 'holed');
  await embedFiles(fakeEmbedder(4), stream(), filesOptions(folder));
  const file = join(folder, 'metadata', 'metadata_2.parquet');
  rmSync(file);
  await expect(
    embedFiles(fakeEmbedder(4), stream(), filesOptions(folder, { existing: 'resume' })),
  ).rejects.toMatchObject({
    code: 'OUTPUT_INVALID',
    input: file,
  });
});
