import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadModel } from '#diptych/engine.js';
import { buildClassifier, loadClassifier, saveClassifier } from '#diptych/tasks/classifier.js';
import { datasetClasses, datasetTemplates, templateSets } from '#diptych/tasks/templates.js';
import { maxDifference } from '../../support/compare.js';
import { local } from '../../support/fixtures.js';
import { readFloats } from '../../support/npy.js';
import { temporaryFolder } from '../../support/temporary.js';

const golden = JSON.parse(readFileSync(join(local, 'tasks', 'classifier.json'), 'utf8')) as {
  classes: string[];
  own: string[];
  cases: { model: string; templates: string; file: string }[];
};
const folder = temporaryFolder();

describe("class matrices of open_clip's build_zero_shot_classifier", () => {
  test.each(golden.cases)('$model with $templates templates', async ({ model: name, templates, file }) => {
    // open_clip mends texts before its tokenizer, whatever the layout of the folder.
    const textCleaning = name.startsWith('siglip') ? 'canonicalize' : 'open_clip';
    await using model = await loadModel(join(local, 'families', name), { textCleaning });
    const expected = readFloats(join(local, 'tasks', file));
    const found = await buildClassifier(
      model,
      golden.classes,
      templates === 'openai' ? 'openai' : golden.own,
    );
    expect([found.rows, found.dim]).toEqual(expected.shape);
    expect(maxDifference(found.data, expected.data)).toBeLessThan(1e-5);
  });
});

test('several names of a class are one mean; the model remembers; saved and loaded again', async () => {
  await using model = await loadModel(join(local, 'families', 'clip-vit'));
  const both = await buildClassifier(model, [['cat', 'kitty'], 'dog'], ['a {}', 'the {c}']);
  const prompts = await model.embedTexts(['a cat', 'the cat', 'a kitty', 'the kitty']);
  const mean = new Float64Array(both.dim);
  prompts.data.forEach((value, at) => {
    mean[at % both.dim] = (mean[at % both.dim] ?? 0) + value / 4;
  });
  const length = Math.hypot(...mean);
  expect(
    maxDifference(
      both.data.subarray(0, both.dim),
      mean.map((value) => value / length),
    ),
  ).toBeLessThan(1e-6);
  expect(both.labels).toEqual(['cat', 'dog']);

  const before = model.seconds.encode;
  const again = await buildClassifier(model, [['cat', 'kitty'], 'dog'], ['a {}', 'the {c}']);
  expect(again).toEqual(both);
  expect(model.seconds.encode).toBe(before);
  // What a caller does to its copy is its own affair.
  again.data.fill(0);
  expect(await buildClassifier(model, [['cat', 'kitty'], 'dog'], ['a {}', 'the {c}'])).toEqual(both);

  const file = join(folder, 'classes.npy');
  await saveClassifier(file, both, model.name);
  const loaded = await loadClassifier(file);
  expect(loaded.labels).toEqual(both.labels);
  expect(maxDifference(loaded.data, both.data)).toBeLessThan(1e-7);
  await expect(loadClassifier(join(folder, 'none.npy'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

test('templates and classes of data sets', async () => {
  expect(datasetTemplates('imagenet1k')).toHaveLength(80);
  expect(datasetTemplates('cifar10')).toHaveLength(18);
  expect(datasetClasses('imagenet1k')).toHaveLength(1000);
  expect(templateSets().length).toBeGreaterThanOrEqual(26);
  for (const set of templateSets())
    for (const template of datasetTemplates(set)) expect(template).toMatch(/\{c\}/);
  expect(() => datasetTemplates('petz')).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  await using model = await loadModel(join(local, 'families', 'clip-vit'));
  await expect(buildClassifier(model, [[]])).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(buildClassifier(model, ['a'], 'petz')).rejects.toMatchObject({ code: 'BAD_OPTION' });
});
