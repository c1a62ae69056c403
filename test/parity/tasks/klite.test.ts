import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { knowledgePrompts, parseKnowledge, wordnetKnowledge } from '#diptych/tasks/knowledge/klite.js';
import { splitWords } from '#diptych/tasks/knowledge/words.js';
import { WordNet } from '#diptych/tasks/wordnet.js';
import { local } from '../../support/fixtures.js';

interface Golden {
  readonly words: [string, string[]][];
  readonly classes: string[];
  readonly knowledge: unknown[];
  readonly cases: {
    source: string;
    gpt3: 'and' | 'then' | null;
    items: number;
    templates: string[];
    prompts: string[][];
    covered: number;
  }[];
}
const golden = JSON.parse(readFileSync(join(local, 'tasks', 'klite.json'), 'utf8')) as Golden;
const SOURCES = { def_wiki: 'wiktionary', def_wn: 'wordnet', path_wn: 'hierarchy' } as const;

test("words are NLTK's word_tokenize's", () => {
  for (const [text, words] of golden.words) expect([text, splitWords(text)]).toEqual([text, words]);
});

describe("prompts are K-LITE's", () => {
  const knowledge = parseKnowledge(golden.knowledge, 'golden');
  test.each(
    golden.cases.map(
      (one) => [`${one.source}, GPT-3: ${String(one.gpt3)} ${String(one.items)}`, one] as const,
    ),
  )('%s', (_, one) => {
    const source = Object.entries(SOURCES).find(([key]) => key === one.source)?.[1] ?? 'none';
    const made = knowledgePrompts(golden.classes, knowledge, {
      source,
      ...(one.gpt3 === null ? {} : { gpt3: one.gpt3 }),
      items: one.items,
      templates: one.templates,
    });
    expect(made.prompts).toEqual(one.prompts);
    expect(made.covered).toBe(one.covered);
  });
});

test('knowledge from WordNet, and files that are none', () => {
  const wordnet = new WordNet(join(local, 'tasks', 'filters', 'dict'));
  const [cat, dog, nothing] = wordnetKnowledge(['cat', 'dog', 'gizmo'], wordnet, 3);
  expect(cat).toMatchObject({
    def_wn: 'an animal that purrs',
    path_wn: ['cat', 'animal', 'thing'],
    gpt3: [],
  });
  expect(dog?.gpt3).toEqual(['a second sense of the word', 'follow like a hound']);
  expect(nothing).toEqual({ classname: 'gizmo', def_wn: null, path_wn: [] });
  expect(knowledgePrompts(['gizmo'], [], { templates: 'none' }).prompts).toEqual([['gizmo']]);
  for (const wrong of [{}, [{}], [{ classname: 3 }], [{ classname: 'a', gpt3: [1] }], [null]])
    expect(() => parseKnowledge(wrong, 'k.json')).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  expect(() => knowledgePrompts([], [])).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
});
