import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeModel } from '#diptych/models/describe.js';
import { loadTokenizer } from '#diptych/text/tokenizer.js';
import { find } from '../../support/fixtures.js';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'diptych-foreign-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** A BERT folder with another pre-tokenizer put behind its own. */
function withPart(name: string, part: object): string {
  const folder = join(scratch, name);
  cpSync(find('families', 'chinese-clip'), folder, { recursive: true });
  const file = join(folder, 'tokenizer.json');
  const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  json['pre_tokenizer'] = { type: 'Sequence', pretokenizers: [json['pre_tokenizer'], part] };
  writeFileSync(file, JSON.stringify(json));
  return folder;
}

test('our own encoders read what they know', async () => {
  const tokenizer = await loadTokenizer(await describeModel(find('families', 'chinese-clip')));
  expect(tokenizer.foreign).toBeNull();
});

test('a part that only @huggingface/tokenizers knows is left to it, and said', async () => {
  const folder = withPart('replace', { type: 'Replace', pattern: { String: 'cat' }, content: 'dog' });
  const tokenizer = await loadTokenizer(await describeModel(folder));
  expect(tokenizer.foreign).toContain('pre-tokenizer "Replace"');
  const own = await loadTokenizer(await describeModel(find('families', 'chinese-clip')));
  const ids = (reader: typeof own, text: string) => reader.tokenize([text]).map((row) => row.ids);
  expect(ids(tokenizer, '一只 cat')).toEqual(ids(own, '一只 dog'));
  expect(ids(tokenizer, '一只 cat')).not.toEqual(ids(own, '一只 cat'));
});

test('a part that nobody knows is told with the file', async () => {
  const folder = withPart('nobody', { type: 'Telepathy' });
  await expect(loadTokenizer(await describeModel(folder))).rejects.toMatchObject({
    code: 'MODEL_UNSUPPORTED',
    input: join(folder, 'tokenizer.json'),
    message: expect.stringMatching(/Telepathy.*@huggingface\/tokenizers/),
  });
});
