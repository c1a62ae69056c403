import { DiptychError } from '../errors.js';
import type { ModelDescription } from '../models/card.js';
import { describeModel } from '../models/describe.js';
import type { BenchSettings, CasePlan } from './types.js';

/** The model that a suite measures: the user's own, or the bundled one. */
export const modelName = ({ model }: Pick<BenchSettings, 'model'>): string => model ?? 'diptych-mini';

const described = new Map<string, Promise<ModelDescription>>();

/** Reads the model's folder, once a run: a wrong one is told before anything is measured. Throws what `describeModel` throws. */
export function benchModel(settings: Pick<BenchSettings, 'model'>): Promise<ModelDescription> {
  const name = modelName(settings);
  const found = described.get(name) ?? describeModel(name);
  described.set(name, found);
  return found;
}

export type Tower = 'image' | 'text';

/** Why a model cannot embed what `tower` is for, or null where it can. */
export function towerMissing(description: ModelDescription, tower: Tower): string | null {
  const graph = description[tower]?.graph;
  if (graph === undefined) return `this model has no ${tower} tower`;
  return graph.embeds ? null : `the ${tower} graph of this model gives no embeddings`;
}

/** The case as planned, or one that says why the model cannot do it. */
export function withTower(description: ModelDescription, tower: Tower, plan: CasePlan): CasePlan {
  const reason = towerMissing(description, tower);
  if (reason === null) return plan;
  return {
    ...plan,
    subjects: [],
    check: null,
    bars: [],
    limits: [],
    leftOut: [{ subject: 'diptych', reason }],
  };
}

/** Throws BAD_OPTION where a text that cases are chosen by is in none of their names. */
export function refuseEmpty(filter: string | null, names: readonly string[], planned: number): void {
  if (filter === null || planned > 0) return;
  const some = names.slice(0, 8).map((name) => `"${name}"`);
  throw new DiptychError(
    'BAD_OPTION',
    `no case has this in its name; there are ${some.join(', ')}${names.length > some.length ? ', ...' : ''}`,
    { input: `--filter ${filter}` },
  );
}
