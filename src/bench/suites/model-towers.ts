import type { ModelDescription } from '../../models/card.js';
import { benchModel, modelName, withTower, type Tower } from '../model.js';
import type { BenchSettings, CasePlan, Params, SubjectPlan } from '../types.js';

const DTYPES = ['fp32', 'fp16', 'int8'] as const;

/** Precisions that the folder has both towers in, by the names that `--dtype` takes. */
function dtypesOf({ dtypes }: ModelDescription): (typeof DTYPES)[number][] {
  const has: ReadonlySet<string> = new Set(dtypes);
  return DTYPES.filter((dtype) => has.has(dtype) || (dtype === 'int8' && has.has('uint8')));
}

function towerCase(
  description: ModelDescription,
  tower: Tower,
  name: string,
  rows: number,
  threads: number,
  params: Params,
  beside: readonly SubjectPlan[],
): CasePlan {
  const dtypes = dtypesOf(description);
  const [first = 'fp32', ...others] = dtypes;
  const subject = (dtype: string): SubjectPlan => ({
    name: dtype,
    role: 'own',
    host: { kind: 'diptych', threads },
    job: 'model-tower',
    params: { ...params, tower, dtype, rows, threads },
    expect: 'noted',
  });
  return withTower(description, tower, {
    suite: 'encoder',
    name,
    unit: tower === 'image' ? 'images/s' : 'texts/s',
    quantity: 'rate',
    work: rows,
    subjects: [...dtypes.map(subject), ...beside],
    check: { kind: 'close', reference: first, tolerance: 1e-4 },
    bars: [
      ...others.map((of) => [of, first] as const),
      ...beside.map((one) => [first, one.name] as const),
    ].map(([of, over]) => ({ text: `${of} against ${over}`, of, over, quantity: 'rate' })),
    limits: [],
  });
}

const threadsText = (threads: number): string => `${String(threads)} ${threads === 1 ? 'thread' : 'threads'}`;

/**
 * The towers of the bundled model or of the user's own, in each precision that its folder has; `beside` gives what
 * stands beside the image tower at a batch size.
 */
export async function modelTowerCases(
  settings: BenchSettings,
  beside: (batch: number, threads: number) => readonly SubjectPlan[],
): Promise<CasePlan[]> {
  const { smoke } = settings;
  const model = modelName(settings);
  const description = await benchModel(settings);
  const layouts: readonly (readonly [batch: number, threads: number])[] = smoke
    ? [[2, 1]]
    : [[1, 1], [8, 1], ...(settings.threads > 1 ? [[8, settings.threads] as const] : [])];
  const count = smoke ? 4 : 32;
  const texts = Array.from({ length: count }, (_, i) => `a photo of number ${String(i)}.`);
  return [
    ...layouts.map(([batch, threads]) =>
      towerCase(
        description,
        'image',
        `${model}: image tower, batch ${String(batch)}, ${threadsText(threads)}`,
        batch,
        threads,
        { model },
        threads === 1 ? beside(batch, threads) : [],
      ),
    ),
    towerCase(
      description,
      'text',
      `${model}: text tower, ${String(count)} short captions, 1 thread`,
      count,
      1,
      { model, texts },
      [],
    ),
  ];
}
