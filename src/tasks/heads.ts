import { DiptychError } from '../errors.js';
import type { ModelDescription } from '../models/card.js';
import type { ResolvedModelOptions } from '../options.js';
import { embedImages, type ImageBytes, type ImageTower } from '../pipeline/images.js';
import { ImageTuner } from '../pipeline/image-tuner.js';
import type { Failure, Indexed, Notice, RowBatch } from '../pipeline/types.js';
import type { SessionHost } from '../session/host.js';
import { TowerSession } from '../session/tower-session.js';
import type { Tokenizer } from '../text/types.js';
import type { ImageStates } from './generate/decoder.js';

/** What the heads borrow from the model that they belong to. */
export interface HeadHost {
  readonly description: ModelDescription;
  readonly options: ResolvedModelOptions;
  imageTower(): ImageTower;
  tokenizer(): Promise<Tokenizer>;
}

/** Images at once: their token states are kept while their texts are matched or written. */
export const HEAD_BATCH = 8;

/** Sessions of the graphs beside the towers, opened at first use. */
export class HeadSessions {
  readonly #options: ResolvedModelOptions;
  readonly #sessions = new Map<string, TowerSession>();

  constructor(options: ResolvedModelOptions) {
    this.#options = options;
  }

  get(file: string): Promise<SessionHost> {
    const session = this.#sessions.get(file) ?? new TowerSession(file, this.#options);
    this.#sessions.set(file, session);
    return session.get();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }
}

/** Token states of a batch of images, in the order of the images that have any. */
export interface StatesBatch {
  readonly states: readonly ImageStates[];
  /** Positions of these images in the source. */
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

/** The token states of images (the vision graph's last layer), batch by batch. Throws MODEL_UNSUPPORTED. */
export async function* imageStates(
  host: HeadHost,
  images: readonly Indexed<ImageBytes>[],
  signal: AbortSignal | undefined,
): AsyncGenerator<StatesBatch, void, undefined> {
  const tower = host.imageTower();
  const output = tower.graph.hidden.last;
  if (output === null) {
    throw new DiptychError(
      'MODEL_UNSUPPORTED',
      'its vision graph has no last_hidden_state, which matching and captions look at; export the model again',
      { input: tower.graph.file },
    );
  }
  const { batchSize, layout } = tower.tuner;
  const tuner = new ImageTuner({
    batches: [Math.min(batchSize, HEAD_BATCH)],
    start: layout,
    layouts: [layout],
  });
  const states = { ...tower, graph: { ...tower.graph, output }, tuner, normalize: false };
  for await (const batch of embedImages(states, images, signal)) yield split(batch);
}

function split(batch: RowBatch): StatesBatch {
  const stride = batch.vectors * batch.dim;
  return {
    states: batch.indices.map((_, row) => ({
      data: batch.data.subarray(row * stride, (row + 1) * stride),
      tokens: batch.vectors,
      width: batch.dim,
    })),
    indices: batch.indices,
    failures: batch.failures,
    notices: batch.notices,
  };
}
