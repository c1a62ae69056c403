import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { InputItem } from '#diptych/input/item.js';
import { openEmbeddings, readEmbeddings, readMetadata } from '#diptych/output/embedding-set.js';
import type { RunState } from '#diptych/output/run-file.js';
import { embedFiles } from '#diptych/pipeline/embed-files.js';
import { mergeRuns } from '#diptych/pipeline/merge.js';
import { fakeEmbedder, vectorOf } from '../../support/fake-embedder.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const names = Array.from({ length: 47 }, (_, i) => (i % 9 === 4 ? `bad${String(i)}` : `photo ${String(i)}`));
const signal = new AbortController().signal;

async function* share(index: number, of: number): AsyncGenerator<InputItem, void, undefined> {
  await Promise.resolve();
  for (const [at, name] of names.entries()) {
    if (at % of === index) yield { name, cells: { image_path: name }, shape: 'image', image: name };
  }
}

function run(folder: string, index: number, of: number, model = 'fake'): Promise<unknown> {
  return embedFiles(fakeEmbedder(4), share(index, of), {
    folder,
    existing: 'overwrite',
    format: 'npy',
    dtype: 'fp32',
    shardSize: 6,
    onError: 'skip',
    maxFailures: Infinity,
    identity: {
      model,
      options: { inputs: ['photos'], shard: of === 1 ? null : `${String(index)}/${String(of)}` },
    },
    versions: { diptych: '1' },
  });
}

const at = (name: string): string => join(root, name);
const shards = ['s0', 's1', 's2'].map(at);
let count = 0;
const merge = (folders: readonly string[], overwrite = false): Promise<RunState> =>
  mergeRuns(folders, { folder: at(`merged-${String(count++)}`), overwrite, signal });

beforeAll(async () => {
  for (const [index, folder] of shards.entries()) await run(folder, index, 3);
});

describe('mergeRuns', () => {
  test('has every row of every share once, with its metadata, and every failure', async () => {
    const folder = at('whole');
    const state = await mergeRuns([...shards].reverse(), { folder, overwrite: false, signal });
    const good = names.filter((name) => !name.startsWith('bad'));
    expect(state).toMatchObject({
      status: 'complete',
      counts: { inputs: names.length, rows: good.length, failed: names.length - good.length },
    });
    const set = await openEmbeddings(folder);
    const { data, rows, dim } = await readEmbeddings(set);
    const described = await readMetadata(set, [...Array(rows).keys()]);
    const paths = described.map((row) => String(row['image_path']));
    expect([...paths].sort()).toEqual([...good].sort());
    paths.forEach((name, row) => {
      expect(data.subarray(row * dim, (row + 1) * dim)).toEqual(vectorOf(name));
    });
    const lines = readFileSync(join(folder, 'failures.jsonl'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(names.length - good.length);
    // Parts are numbered anew without a gap, share after share.
    expect(state.parts.map(({ part }) => part)).toEqual(state.parts.map((_, index) => index));
    expect(readdirSync(join(folder, 'img_emb')).length).toBe(state.parts.length);
    // The shards may go.
    const copy = readFileSync(join(folder, 'img_emb', 'img_emb_0.npy'));
    await run(at('s-gone'), 0, 3);
    rmSync(at('s-gone'), { recursive: true });
    expect(readFileSync(join(folder, 'img_emb', 'img_emb_0.npy'))).toEqual(copy);
  });

  test('a missing share, one given twice, one of another count and another model are named', async () => {
    const [s0 = '', s1 = '', s2 = ''] = shards;
    await expect(merge([s0, s2])).rejects.toThrow('shares are missing: 1/3');
    await run(at('again'), 1, 3);
    await expect(merge([s0, s1, s2, at('again')])).rejects.toThrow('is the same share as');
    await run(at('quarter'), 3, 4);
    await expect(merge([s0, s1, s2, at('quarter')])).rejects.toThrow('is one of 4, the others are of 3');
    await run(at('other'), 2, 3, 'another model');
    await expect(merge([s0, s1, at('other')])).rejects.toThrow('differs from');
    await expect(merge([s0, at('nothing')])).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
  });

  test('a share that is not complete, or whose files are damaged, is refused before anything is written', async () => {
    const [s0 = '', , s2 = ''] = shards;
    const folder = at('damaged');
    await run(folder, 1, 3);
    const runFile = join(folder, 'run.json');
    const whole = readFileSync(runFile, 'utf8');
    writeFileSync(runFile, whole.replace('"complete"', '"stopped"'));
    await expect(merge([s0, folder, s2])).rejects.toThrow('is not complete (stopped)');
    writeFileSync(runFile, whole);
    const vectors = join(folder, 'img_emb', 'img_emb_1.npy');
    const bytes = readFileSync(vectors);
    truncateSync(vectors, bytes.length - 4);
    await expect(merge([s0, folder, s2])).rejects.toThrow('img_emb_1.npy: it ends early');
    writeFileSync(vectors, readFileSync(join(folder, 'img_emb', 'img_emb_2.npy')));
    await expect(merge([s0, folder, s2])).rejects.toThrow(
      /img_emb_1\.npy: has \d rows where run\.json tells of \d/,
    );
    writeFileSync(vectors, bytes);
    writeFileSync(join(folder, 'failures.jsonl'), '');
    await expect(merge([s0, folder, s2])).rejects.toThrow('failures.jsonl: has 0 lines');
    expect(readdirSync(root).filter((name) => name.startsWith('merged-'))).toEqual([]);
  });

  test('runs over inputs of their own are joined too', async () => {
    await run(at('alone'), 0, 1);
    const state = await merge([at('alone')]);
    expect(state.counts.inputs).toBe(names.length);
  });
});
