import { DiptychError } from '../errors.js';
import { toNativeSpec } from '../image/preprocess.js';
import type { GraphPlan, ModelDescription } from '../models/card.js';
import type { NativeImageOptions } from '../native/image-binding.js';
import type { ResolvedModelOptions } from '../options.js';
import { CUDA_LENGTH_STEP } from '../session/buckets.js';
import { TowerSession } from '../session/tower-session.js';
import { TokenizerThread } from '../text/tokenizer-thread.js';
import { BufferPool } from './buffer-pool.js';
import type { ImageTower } from './images.js';
import type { ImageTuner, Tuning } from './image-tuner.js';
import { StageClock } from './stage-clock.js';
import type { TextTower } from './texts.js';
import { graphAndMemory, openTuner, sessionsWorth } from './tuner-choices.js';

/** Texts per encoder run; on a GPU, one of the sizes that its sessions see. */
const TEXT_BATCH = 32;
const CUDA_TEXT_BATCH = 128;
/** A window of so many texts is a long run's: its encoder's threads are shared among sessions. */
const MANY_TEXTS = 512;
/** Sequences are padded to a multiple of this on the CPU, where a new shape costs nothing. */
const LENGTH_STEP = 4;

/** Which numbers of threads the caller left open, to be measured. */
export interface OpenChoices {
  readonly threads: boolean;
  readonly workers: boolean;
}

/** The two towers of a model with their sessions, buffers and measured choices. Sessions are opened at first use. */
export class Towers {
  readonly #description: ModelDescription;
  readonly #options: ResolvedModelOptions;
  readonly #open: OpenChoices;
  readonly #sessions: { readonly image: TowerSession | null; readonly text: TowerSession | null };
  readonly #tokenizer: TokenizerThread;
  readonly #buffers = new BufferPool();
  #tuner: ImageTuner | null = null;
  #areTextThreadsShared = false;
  /** What each stage has done so far. */
  readonly clock = new StageClock();

  constructor(description: ModelDescription, options: ResolvedModelOptions, open: OpenChoices) {
    this.#description = description;
    this.#options = options;
    this.#open = open;
    const session = (graph: { readonly file: string } | undefined): TowerSession | null =>
      graph === undefined ? null : new TowerSession(graph.file, options);
    const image = session(description.image?.graph);
    const shared = description.image?.graph.file === description.text?.graph.file;
    this.#tokenizer = new TokenizerThread(description);
    this.#sessions = { image, text: shared ? image : session(description.text?.graph) };
  }

  /** Batch size and threads for images: as given, or as measured so far. */
  get tuning(): Tuning {
    const { threads, workers } = this.#options;
    return this.#tuner === null
      ? { batchSize: 1, sessions: 1, threads, workers }
      : { batchSize: this.#tuner.batchSize, ...this.#tuner.layout };
  }

  /** Throws MODEL_UNSUPPORTED for a model without one. */
  image(): ImageTower {
    const { image, name } = this.#description;
    const session = this.#sessions.image;
    if (image === null || session === null) {
      throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no image tower', { input: name });
    }
    const { autoOrient, icc, normalize } = this.#options;
    const spec = toNativeSpec({
      ...image.spec,
      orient: autoOrient || image.spec.orient,
      icc: icc || image.spec.icc,
    });
    return {
      graph: image.graph,
      spec,
      options: this.#imageOptions(),
      session: () => session.get(),
      sessions: () => session.sessions,
      buffers: this.#buffers,
      tuner: (this.#tuner ??= openTuner(image.graph, spec, session, this.#options, this.#open)),
      normalize,
      clock: this.clock,
    };
  }

  /** The image tower of a model whose graph gives embeddings: a captioner's gives token states only. */
  embeddingImage(): ImageTower {
    const tower = this.image();
    if (tower.graph.embeds) return tower;
    throw new DiptychError('MODEL_UNSUPPORTED', 'its vision graph gives no embeddings, only token states', {
      input: this.#description.name,
    });
  }

  /** Throws MODEL_UNSUPPORTED for a model without one. */
  text(): TextTower {
    const { text, name } = this.#description;
    const session = this.#sessions.text;
    if (text === null || session === null) {
      throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no text tower', { input: name });
    }
    const { batchSize, normalize, longText } = this.#options;
    const cuda = session.devices[0] !== 'cpu';
    return {
      graph: text.graph,
      plan: text.plan,
      tokenizer: this.#tokenizer,
      session: () => session.get(),
      sessions: () => session.sessions,
      onWindow: (texts) => {
        if (texts >= MANY_TEXTS) this.#shareTextThreads(session, text.graph);
      },
      lengthStep: cuda ? CUDA_LENGTH_STEP : LENGTH_STEP,
      batchSize: batchSize !== 'auto' ? batchSize : cuda ? CUDA_TEXT_BATCH : TEXT_BATCH,
      normalize,
      longText,
      clock: this.clock,
    };
  }

  #shareTextThreads(session: TowerSession, graph: GraphPlan): void {
    if (this.#areTextThreadsShared || session === this.#sessions.image || session.devices[0] !== 'cpu')
      return;
    this.#areTextThreadsShared = true;
    const { graphBytes, memoryBytes } = graphAndMemory(graph);
    const { threads } = this.#options;
    void session.retune({ sessions: sessionsWorth(threads, graphBytes, memoryBytes), threads });
  }

  #imageOptions(): NativeImageOptions {
    const { workers, decode, maxPixels, maxBytes, imageTimeoutMs, allowTruncated } = this.#options;
    return { workers, decode, maxPixels, maxBytes, imageTimeoutMs, allowTruncated };
  }

  /** Ends the encoder threads and the tokenizer's. */
  async close(): Promise<void> {
    await Promise.all([this.#sessions.image?.close(), this.#sessions.text?.close(), this.#tokenizer.close()]);
  }
}
