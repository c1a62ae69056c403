import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { repository } from '../support/command.js';

const examples = join(repository, 'examples');

/** What each example prints; every example has to be listed. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  'classify.ts': /^cat\.jpg: cat \d+%.*\ncoffee\.jpg: coffee \d+%.*\nrocket\.jpg: rocket \d+%/,
  'search.ts':
    /a cup of coffee on a table:\n {2}0\.\d+ coffee\.jpg\n.*\na rocket on its launch pad:\n {2}0\.\d+ rocket\.jpg/,
  'similarity.ts':
    /^query 0: rows 0, 100, 200, the first with 1\.000\nquery 1: rows 1, .*\nmatrix 2 x 1000\n1001 rows in the corpus, best 0 and 1\n55 pairs of near-duplicates\n$/,
  'stream.ts':
    /4 images of \d+ numbers: inputs 0, 1, 2, 3\n[^]*input 6: INPUT_NOT_FOUND\n?[^]*1 texts of \d+ numbers: inputs 7|1 texts of/,
  'tasks-zero-shot.ts': /^\d+% of the photos get another label\n[^]* -> cup of coffee: \d/,
  'tasks-retrieval.ts': /^image_retrieval_recall@1: [01]\.\d+\n[^]*mean_recall: /,
  'tasks-probe.ts': /^\d+ values of C tried, test accuracy [01]\.\d+\n4 rows a class: [01]\.\d+\n$/,
  'tasks-adapt.ts':
    /^validation accuracy 0\.00 before, 1\.00 after\ncontrastive loss falls: true, gradients of 32 numbers\n$/,
  'tasks-knowledge.ts':
    /^a photo of a coffee\.\na photo of a rocket\. ; rocket , A vehicle propelled by its own exhaust \.\n1 of 2/,
  'tasks-metaclip.ts':
    /^matches: cat 10, dog 0, photo 990, New York 10\nrare captions kept: 10 of 10\nfrequent captions thinned out: true\n$/,
  'tasks-filters.ts': /^best 4, basic 5, both 2\nthe subset file holds 2 uids\n$/,
  'tasks-kmeans.ts': /^exact: clusters of 200, 200, 200 rows\nbalanced sample: 15 rows\n$/,
  'tasks-capfilt.ts': /^1 web and 1 synthetic captions kept\n\{"image":"cat\.jpg","caption":\["a cat"\]/,
  'tasks-arithmetic.ts': /^moved by 0: a cat\nmoved by 2: a rocket\n$/,
  'preprocess.ts': /^float32 \[1, 3, 224, 224\], first value -?\d\.\d{4}\nuint8 \[1, 64, 64, 3\]\n$/,
};

let folder = '';

// Compiled as a user's program would be, in a project of its own that has the package in its node_modules.
beforeAll(() => {
  folder = mkdtempSync(join(repository, 'build', 'examples-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(repository, join(folder, 'node_modules', 'diptych'), 'dir');
  symlinkSync(join(examples, 'photos'), join(folder, 'photos'), 'dir');
  writeFileSync(join(folder, 'labels.txt'), readFileSync(join(examples, 'labels.txt')));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('examples', () => {
  test('all of them are tested', () => {
    const present = readdirSync(examples).filter((name) => /\.(ts|mjs|js)$/.test(name));
    expect(present.sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  test.each(Object.entries(EXPECTED))('%s runs and prints what it says', (name, output) => {
    const source = readFileSync(join(examples, name), 'utf8');
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
    const program = join(folder, name.replace(/\.ts$/, '.mjs'));
    writeFileSync(program, ts.transpileModule(source, { compilerOptions: options }).outputText);
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(output);
  });
});
