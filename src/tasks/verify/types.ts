import type { Model } from '../../engine.js';
import type { PreprocessSpec } from '../../image/spec.js';
import type { GraphDtype, ModelDescription } from '../../models/card.js';
import type { TextCleaning } from '../../text/types.js';

/** fail: the numbers are wrong; warn: they may be, or something is missing; skip: cannot be told here. */
export type CheckState = 'ok' | 'warn' | 'fail' | 'skip';

/** One line of the report. */
export interface CheckRow {
  readonly check: string;
  readonly state: CheckState;
  /** What was found, with figures. */
  readonly detail: string;
}

/** What `models verify` found. */
export interface VerifyReport {
  readonly model: string;
  readonly folder: string;
  readonly family: string;
  readonly layout: string;
  readonly rows: readonly CheckRow[];
  /** No row failed. */
  readonly ok: boolean;
}

/** How the model is to be opened for one look at it. */
export interface Variation {
  readonly dtype?: GraphDtype;
  readonly batchSize?: number;
  readonly textCleaning?: TextCleaning;
  /** Changes of the preprocessing. */
  readonly spec?: Partial<PreprocessSpec>;
  readonly normalize?: boolean;
  /** Other files in place of the towers' graphs. */
  readonly graphs?: { readonly image?: string; readonly text?: string };
}

/** Opens the model under test; the caller closes what it opened. */
export type Opener = (variation?: Variation) => Promise<Model>;

export interface Subject {
  readonly description: ModelDescription;
  readonly open: Opener;
}

/** Opens, looks, closes. */
export async function withModel<T>(
  { open }: Subject,
  variation: Variation,
  look: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await open(variation);
  try {
    return await look(model);
  } finally {
    await model.close();
  }
}
