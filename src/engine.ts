import { DiptychError } from './errors.js';
import type { PreprocessSpec } from './image/spec.js';
import type { ModelDescription } from './models/card.js';
import { native } from './native/load.js';
import { parseModelOptions, type ModelOptions, type ResolvedModelOptions } from './options.js';
import { describeFor } from './pipeline/describe-for.js';
import { asList, imageItems, textItem, type ImageInput } from './pipeline/arguments.js';
import { collect, type Embeddings } from './pipeline/collect.js';
import { parseEmbedOptions, type EmbedOptions } from './pipeline/embed-options.js';
import { embedImages } from './pipeline/images.js';
import type { StageClock } from './pipeline/stage-clock.js';
import { embedStream, type EmbeddedBatch, type StreamItem } from './pipeline/stream.js';
import { embedTexts } from './pipeline/texts.js';
import type { Tuning } from './pipeline/image-tuner.js';
import { Towers, type OpenChoices } from './pipeline/towers.js';
import type { StageSeconds } from './pipeline/types.js';
import type { Captions } from './tasks/caption.js';
import type { CaptionOptions } from './tasks/generate/options.js';
import { HeadSessions, type HeadHost } from './tasks/heads.js';
import {
  imageStatesTower,
  splitStatesOptions,
  textStatesTower,
  type StatesLayer,
} from './tasks/token-states.js';
import type { Matches, MatchOptions } from './tasks/match.js';
import type { Reranked, RerankOptions } from './tasks/rerank.js';
import { logitsOf, type MultiRows } from './similarity/logits.js';
import type { Matrix } from './similarity/rows.js';
import type { TokenizedText, Tokenizer } from './text/types.js';

export type { ImageInput } from './pipeline/arguments.js';
export type { EmbedOptions } from './pipeline/embed-options.js';

/** Options of the token states. */
export interface StatesOptions extends EmbedOptions {
  /** Default last. */
  readonly layer?: StatesLayer;
}

/**
 * A two-tower model: images and texts to unit vectors of one space.
 * Towers are opened at first use; {@link close} (or `await using`) ends their threads.
 */
export class Model implements AsyncDisposable {
  readonly description: ModelDescription;
  readonly #options: ResolvedModelOptions;
  readonly #towers: Towers;
  readonly #heads: HeadSessions;
  readonly #running = new Set<Promise<unknown>>();
  /** For what is asked of {@link tokenize} and by the heads; embeddings are tokenized in a thread of their own. */
  #tokenizer: Promise<Tokenizer> | null = null;
  #closing: Promise<void> | null = null;

  /** `open`: which numbers of threads the caller left open, to be measured. */
  constructor(
    description: ModelDescription,
    options: ResolvedModelOptions,
    open: OpenChoices = { threads: false, workers: false },
  ) {
    this.description = description;
    this.#options = options;
    this.#towers = new Towers(description, options, open);
    this.#heads = new HeadSessions(options);
  }

  get name(): string {
    return this.description.name;
  }

  /** The factor that cosines are multiplied with; null where neither folder nor options tell it. */
  get logitScale(): number | null {
    return this.description.logitScale;
  }

  get preprocessSpec(): PreprocessSpec | null {
    return this.description.image?.spec ?? null;
  }

  get options(): ResolvedModelOptions {
    return this.#options;
  }

  /** What each stage has done since the model was loaded. */
  get stages(): StageClock {
    return this.#towers.clock;
  }

  /** Seconds in which each stage was at work since the model was loaded. */
  get seconds(): Readonly<StageSeconds> {
    return this.stages.seconds;
  }

  /** Batch size, encoder threads and sessions, and decode threads for images: as given, or as measured so far. */
  get tuning(): Tuning {
    return this.#towers.tuning;
  }

  /** Its modules and tables are loaded when they are needed: embeddings are tokenized in another thread. */
  async #loadTokenizer(): Promise<Tokenizer> {
    const { loadTokenizer } = await import('./text/tokenizer.js');
    return loadTokenizer(this.description);
  }

  #getTokenizer(): Promise<Tokenizer> {
    const loading =
      this.#tokenizer ??
      this.#loadTokenizer().catch((error: unknown) => {
        this.#tokenizer = null;
        throw error;
      });
    this.#tokenizer = loading;
    return loading;
  }

  #checkOpen(): void {
    if (this.#closing !== null)
      throw new DiptychError('CLOSED', 'the model was closed', { input: this.name });
  }

  /** Keeps {@link close} waiting until `work` is over. */
  async #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /**
   * Embeds images. Broken ones become `failures`, never rows, and do not stop the rest:
   * row r is the image at position `indices[r]` of what was passed in.
   */
  async embedImages(images: readonly ImageInput[] | ImageInput, options?: EmbedOptions): Promise<Embeddings> {
    this.#checkOpen();
    const { signal, onProgress } = parseEmbedOptions(options);
    const items = imageItems(images);
    const batches = embedImages(this.#towers.embeddingImage(), items, signal ?? undefined);
    return this.#track(collect(batches, this.description.embeddingDim, onProgress));
  }

  /** Embeds texts; as {@link embedImages}. Texts over the context are treated as the option `longText` says. */
  async embedTexts(texts: readonly string[] | string, options?: EmbedOptions): Promise<Embeddings> {
    this.#checkOpen();
    const { signal, onProgress } = parseEmbedOptions(options);
    const items = asList(texts, 'texts').map((item, index) => ({ index, item: textItem(item, index) }));
    const batches = embedTexts(this.#towers.text(), items, signal ?? undefined);
    return this.#track(collect(batches, this.description.embeddingDim, onProgress));
  }

  /**
   * Token states of texts, [rows, tokens, width] (`vectors` is the number of tokens), each text padded to the
   * whole context: what Stable Diffusion's cross-attention reads. `layer` default last. Not normalised.
   */
  async embedTextTokens(texts: readonly string[] | string, options?: StatesOptions): Promise<Embeddings> {
    this.#checkOpen();
    const { layer, rest } = splitStatesOptions(options);
    const { signal, onProgress } = parseEmbedOptions(rest);
    const items = asList(texts, 'texts').map((item, index) => ({ index, item: textItem(item, index) }));
    const batches = embedTexts(textStatesTower(this.#towers.text(), layer), items, signal ?? undefined);
    return this.#track(collect(batches, null, onProgress));
  }

  /** Patch (and class) token states of images, [rows, tokens, width]; as {@link embedTextTokens}. */
  async embedImageTokens(
    images: readonly ImageInput[] | ImageInput,
    options?: StatesOptions,
  ): Promise<Embeddings> {
    this.#checkOpen();
    const { layer, rest } = splitStatesOptions(options);
    const { signal, onProgress } = parseEmbedOptions(rest);
    const batches = embedImages(
      imageStatesTower(this.#towers.image(), layer),
      imageItems(images),
      signal ?? undefined,
    );
    return this.#track(collect(batches, null, onProgress));
  }

  /**
   * Embeds an endless or huge source with bounded memory and back-pressure: items are images (as in
   * {@link embedImages}) or `{ text }`; batches come in the order of the source, of one kind each.
   */
  async *embedStream(
    source: AsyncIterable<StreamItem> | Iterable<StreamItem>,
    options?: EmbedOptions,
  ): AsyncGenerator<EmbeddedBatch, void, undefined> {
    this.#checkOpen();
    const { signal, onProgress } = parseEmbedOptions(options);
    let done = 0;
    const towers = {
      image: () => ({ ...this.#towers.embeddingImage(), stable: true }),
      text: () => ({ ...this.#towers.text(), stable: true }),
    };
    for await (const batch of embedStream(towers, source, signal ?? undefined)) {
      done += batch.rows + batch.failures.length;
      onProgress?.(done);
      yield batch;
    }
  }

  /** Token ids as the model sees them. */
  async tokenize(texts: readonly string[] | string): Promise<TokenizedText[]> {
    this.#checkOpen();
    const list = asList(texts, 'texts').map(textItem);
    if (this.description.text === null) {
      throw new DiptychError('MODEL_UNSUPPORTED', 'this model has no text tower', { input: this.name });
    }
    const { longText } = this.#options;
    const tokenizer = await this.#getTokenizer();
    return tokenizer.tokenize(list, { longText: longText === 'pool' ? 'truncate' : longText });
  }

  /** Logits, images x texts: logit scale times cosine, plus the bias where the family has one. */
  async logits(images: MultiRows, texts: MultiRows): Promise<Matrix> {
    return this.#score(images, texts, 'none');
  }

  /** Probabilities, images x texts: softmax over the texts (CLIP), or a sigmoid for each pair (SigLIP). */
  async probabilities(images: MultiRows, texts: MultiRows): Promise<Matrix> {
    return this.#score(images, texts, this.description.activation);
  }

  async #score(
    images: MultiRows,
    texts: MultiRows,
    activation: 'none' | 'softmax' | 'sigmoid',
  ): Promise<Matrix> {
    this.#checkOpen();
    const { logitScale, logitBias } = this.description;
    if (logitScale === null) {
      this.#options.onWarning(
        `${this.name} does not tell its trained logit scale: logits are plain cosines; give it with logitScale`,
      );
    }
    return logitsOf(images, texts, {
      scale: logitScale ?? 1,
      bias: logitBias ?? 0,
      activation,
      threads: this.#options.threads,
    });
  }

  /** What the heads beside the towers borrow from this model. */
  #headHost(): HeadHost {
    return {
      description: this.description,
      options: this.#options,
      imageTower: () => this.#towers.image(),
      tokenizer: () => this.#getTokenizer(),
    };
  }

  /**
   * Captions of images (BLIP): greedy, beam search or nucleus sampling. Broken images become `failures`.
   * Throws MODEL_UNSUPPORTED for a model that writes no captions.
   */
  async caption(images: readonly ImageInput[] | ImageInput, options?: CaptionOptions): Promise<Captions> {
    this.#checkOpen();
    const items = imageItems(images);
    const work = async (): Promise<Captions> => {
      const { caption } = await import('./tasks/caption.js');
      return caption(this.#headHost(), this.#heads, items, options);
    };
    return this.#track(work());
  }

  /**
   * Whether images and texts belong together, images x texts, by the matching head of BLIP and BLIP-2: slower and
   * sharper than embeddings. Throws MODEL_UNSUPPORTED for a model without the head.
   */
  async match(
    images: readonly ImageInput[] | ImageInput,
    texts: readonly string[] | string,
    options?: MatchOptions,
  ): Promise<Matches> {
    this.#checkOpen();
    const list = asList(texts, 'texts').map(textItem);
    const items = imageItems(images);
    const work = async (): Promise<Matches> => {
      const { match } = await import('./tasks/match.js');
      return match(this.#headHost(), this.#heads, items, list, options);
    };
    return this.#track(work());
  }

  /** Ranks by embeddings, then lets the matching head reorder each query's k best. */
  async rerank(
    images: readonly ImageInput[] | ImageInput,
    texts: readonly string[] | string,
    options?: RerankOptions,
  ): Promise<Reranked> {
    this.#checkOpen();
    const host = this.#headHost();
    const { checkRerank, parseRerankOptions, rerank } = await import('./tasks/rerank.js');
    checkRerank(host);
    const parsed = parseRerankOptions(options, this.description.match?.encId !== null);
    const embedding = parsed.signal === null ? {} : { signal: parsed.signal };
    const list = asList(texts, 'texts').map(textItem);
    const work = async (): Promise<Reranked> =>
      rerank(
        host,
        this.#heads,
        {
          images: imageItems(images),
          texts: list,
          imageEmbeddings: await this.embedImages(images, embedding),
          textEmbeddings: await this.embedTexts(list, embedding),
        },
        parsed,
      );
    return this.#track(work());
  }

  /** Waits for the work in flight, then ends the encoder threads. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.allSettled([...this.#running]);
      await Promise.all([this.#towers.close(), this.#heads.close()]);
    })();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens a model by name (`diptych-mini`, a registry name), hub id or folder.
 * Throws MODEL_NOT_FOUND (with near names), MODEL_INVALID (naming the file), BAD_OPTION.
 */
export async function loadModel(name = 'diptych-mini', options?: ModelOptions): Promise<Model> {
  if (typeof name !== 'string' || name === '') {
    throw new DiptychError('BAD_OPTION', 'expected the name of a model or the path of a model folder', {
      input: 'model',
    });
  }
  const resolved = parseModelOptions(options, native().availableCores());
  const description = await describeFor(name, resolved);
  for (const warning of description.warnings) resolved.onWarning(`${description.name}: ${warning}`);
  const open = { threads: options?.threads === undefined, workers: options?.workers === undefined };
  return new Model(description, resolved, open);
}
