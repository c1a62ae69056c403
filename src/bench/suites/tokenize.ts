import { captions, tokenizerKinds, type TokenizerKind } from '../captions.js';
import { benchModel, modelName, withTower } from '../model.js';
import type { BenchSettings, CasePlan, Suite } from '../types.js';

const COUNT = 10_000;
const SMOKE = 16;

/** A tokenizer alone, of a model's name or folder. */
function alone(name: string, model: string, texts: readonly string[]): CasePlan {
  return {
    suite: 'tokenize',
    name: `${name}: ${texts.length.toLocaleString('en-US')} captions, 1 thread`,
    unit: 'texts/s',
    quantity: 'rate',
    work: texts.length,
    subjects: [
      {
        name: 'diptych',
        role: 'own',
        host: { kind: 'diptych', threads: 1 },
        job: 'tokenize',
        params: { model, texts },
        expect: 'skip',
      },
    ],
    check: null,
    bars: [],
    limits: [],
  };
}

/** One kind of tokenizer beside transformers.js, whose ids must be the same. */
function kindCase(kind: TokenizerKind, { smoke }: BenchSettings): CasePlan {
  const texts = captions(kind, smoke ? SMOKE : COUNT);
  const { folder, length } = kind;
  const plan = alone(kind.name, folder, texts);
  return {
    ...plan,
    subjects: [
      ...plan.subjects.map((subject) => ({ ...subject, expect: 'same' as const })),
      {
        name: 'transformers.js',
        role: 'peer',
        host: { kind: 'node', peer: 'transformers', threads: 1 },
        job: 'tokenize',
        params: { folder, texts, length },
        expect: 'same',
      },
    ],
    check: { kind: 'exact', reference: 'diptych' },
    bars: [
      {
        text: 'against transformers.js',
        of: 'diptych',
        over: 'transformers.js',
        quantity: 'rate',
        atLeast: 3,
      },
    ],
    maxSamples: 10,
  };
}

/** The bundled model's tokenizer, or the user's. */
async function modelCase(settings: BenchSettings): Promise<CasePlan> {
  const name = modelName(settings);
  const count = settings.smoke ? SMOKE : COUNT;
  const [kind] = tokenizerKinds();
  const texts =
    kind === undefined
      ? Array.from({ length: count }, (_, i) => `a photo of number ${String(i)}, seen from above`)
      : captions(kind, count);
  return withTower(await benchModel(settings), 'text', alone(name, name, texts));
}

/** Texts to ids. */
export const tokenizeSuite: Suite = {
  name: 'tokenize',
  title: 'Tokenize',
  plan: async (settings) => [
    ...(settings.model === null ? tokenizerKinds().map((kind) => kindCase(kind, settings)) : []),
    await modelCase(settings),
  ],
};
