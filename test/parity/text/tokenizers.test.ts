import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeModel } from '#diptych/models/describe.js';
import { loadTokenizer } from '#diptych/text/tokenizer.js';
import type { TextCleaning } from '#diptych/text/types.js';
import { find, folders, roots } from '../../support/fixtures.js';

interface List {
  readonly official: string;
  readonly context_length: number;
  readonly cases: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

/** Which model folder and which cleaning stand for each official tokenizer. */
const SUBJECTS: Readonly<Record<string, readonly [family: string, cleaning: TextCleaning]>> = {
  'openai-clip': ['clip-vit', 'openai'],
  'open-clip': ['clip-vit', 'open_clip'],
  'open-clip-canonicalize': ['clip-vit', 'canonicalize'],
  'hf-clip-fast': ['clip-vit', 'auto'],
  'hf-clip-slow-ftfy': ['clip-vit', 'hf_slow'],
  'bert-uncased': ['align', 'auto'],
  'bert-chinese': ['chinese-clip', 'auto'],
  'cn-clip': ['chinese-clip', 'cn_clip'],
  siglip: ['siglip', 'auto'],
  siglip2: ['siglip2', 'auto'],
};

const present = new Set(roots.flatMap(([, root]) => folders(root, 'families')));
const cases = roots
  .slice(-1)
  .flatMap(([, root]) => Object.entries(SUBJECTS).map(([name, subject]) => ({ root, name, subject })));

describe('the official ids of every text', () => {
  for (const { root, name, subject } of cases) {
    const [family, cleaning] = subject;
    (present.has(family) ? test : test.skip)(`${name}, by the folder ${family}`, async () => {
      const list = JSON.parse(readFileSync(join(root, 'tokenizers', `${name}.json`), 'utf8')) as List;
      expect(list.cases.length).toBeGreaterThan(200);
      const model = await describeModel(find('families', family), { textCleaning: cleaning });
      const tokenizer = await loadTokenizer(model);
      expect(tokenizer.contextLength).toBe(list.context_length);
      const tokens = tokenizer.tokenize(list.cases.map(({ text }) => text));
      const wrong = tokens
        .map(({ text, ids, length }, at) => ({
          text,
          got: ids.slice(0, length),
          wanted: list.cases[at]?.ids,
        }))
        .filter(({ got, wanted }) => JSON.stringify(got) !== JSON.stringify(wanted));
      expect(wrong).toEqual([]);
      for (const { ids, length } of tokens) {
        expect(ids.length).toBe(list.context_length);
        expect(ids.slice(length).every((id) => id === tokenizer.padId)).toBe(true);
      }
    });
  }
});
