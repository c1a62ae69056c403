import type { BenchSettings, CasePlan, Suite } from '../types.js';

const SUBJECTS = [
  'a cat',
  'two dogs',
  'an old red bicycle',
  'the harbour of Porto',
  'a bowl of soup',
  'rockets',
];
const SCENES = ['on a table', 'in the snow', 'at night, long exposure', 'seen from above', 'before 1960'];

/** Captions of many lengths, always the same. */
function captions(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const subject = SUBJECTS[i % SUBJECTS.length] ?? '';
    const scene = SCENES[i % SCENES.length] ?? '';
    return `a photo of ${subject} ${scene}${' and more of it'.repeat(i % 7)}, number ${String(i)}`;
  });
}

function tokenizeCase({ model, smoke }: BenchSettings): CasePlan {
  const name = model ?? 'diptych-mini';
  const texts = captions(smoke ? 16 : 1000);
  return {
    suite: 'tokenize',
    name: `captions, ${name}`,
    unit: 'texts/s',
    quantity: 'rate',
    work: texts.length,
    subjects: [
      {
        name: 'diptych',
        role: 'own',
        host: { kind: 'diptych', threads: 1 },
        job: 'tokenize',
        params: { model: name, texts },
        expect: 'skip',
      },
    ],
    check: null,
    bars: [],
    limits: [],
  };
}

/** Texts to ids. */
export const tokenizeSuite: Suite = {
  name: 'tokenize',
  title: 'Tokenize',
  plan: (settings) => Promise.resolve([tokenizeCase(settings)]),
};
