import { DiptychError, errorCodes, throwIfAborted, type ErrorCode } from '../errors.js';
import type { InputItem } from '../input/item.js';
import { checkThere, shapeOf } from '../input/item.js';
import type { OutputFormat, Tower } from '../output/layout.js';
import { writeRun, type DonePart, type RunIdentity, type RunState, type Shape } from '../output/run-file.js';
import type { Tuning } from './image-tuner.js';
import { OpenPart, type FailureLine, type Slot } from './open-part.js';
import { checkOutput, lockOutput, prepareFolder, type Existing } from './output-folder.js';
import { PartPlan } from './part-plan.js';
import type { EmbeddedBatch, StreamItem } from './stream.js';
import type { StageClock } from './stage-clock.js';
import { timed } from './timed.js';
import { untilFinish } from './until-finish.js';
import type { StageSeconds } from './types.js';

/** What the run needs of a model: the engine's Model has it. */
export interface Embedder {
  embedStream(
    source: AsyncIterable<StreamItem>,
    options: { readonly signal?: AbortSignal },
  ): AsyncIterable<EmbeddedBatch>;
  /** Its stages' clock: reading and writing are added to it. */
  readonly stages: StageClock;
  /** Batch size and threads, once the run has measured them. */
  readonly tuning?: Tuning;
}

export interface EmbedFilesOptions {
  readonly folder: string;
  readonly existing: Existing;
  readonly format: OutputFormat;
  readonly dtype: 'fp32' | 'fp16';
  /** Inputs per part. */
  readonly shardSize: number;
  /** fail: the first bad input ends the run with its error. */
  readonly onError: 'skip' | 'fail';
  /** More bad inputs than this end the run, those of an earlier run included. */
  readonly maxFailures: number;
  /** What run.json says of model, inputs and options; --resume asks for the same. Called once, beside the work. */
  readonly identity: RunIdentity;
  /** Programs and their versions, for run.json: not asked for by --resume. */
  readonly versions: Readonly<Record<string, string>>;
  /** Told of every change; must be cheap. */
  readonly onProgress?: (progress: EmbedProgress) => void;
  /** One sentence for everything that the user should know. */
  readonly onNotice?: (input: string, message: string) => void;
  /** Ends the run at once: what is not yet whole is thrown away. */
  readonly signal?: AbortSignal;
  /** Ends the run at the end of the parts that are open. */
  readonly finish?: AbortSignal;
}

export interface EmbedProgress {
  /** Inputs that are settled, those of an earlier run included. */
  readonly done: number;
  /** Those of them that an earlier run had done. */
  readonly skipped: number;
  readonly failed: number;
  readonly rowsThisRun: number;
  readonly seconds: number;
  readonly stages: Readonly<StageSeconds>;
}

export interface EmbedFilesResult {
  readonly state: RunState;
  /** Rows and seconds of this run alone. */
  readonly rowsThisRun: number;
  readonly seconds: number;
  /** Whether `finish` ended it before its inputs did. */
  readonly stopped: boolean;
}

/** One vector that is awaited from the engine. */
interface Expected {
  readonly slot: Slot;
  readonly tower: Tower;
  readonly part: OpenPart;
}

const WANTS: Readonly<Record<Shape, ReadonlySet<Tower>>> = {
  image: new Set<Tower>(['image']),
  text: new Set<Tower>(['text']),
  pair: new Set<Tower>(['image', 'text']),
};

/** Failures that wait for their part's turn: beyond this the source is held back. */
const FLUSH_EVERY = 512;

class Run {
  readonly #options: EmbedFilesOptions;
  readonly #embedder: Embedder;
  readonly #plan: PartPlan;
  readonly #doneParts: Map<number, DonePart>;
  readonly #open = new Map<number, OpenPart>();
  readonly #expected = new Map<number, Expected>();
  readonly #began = performance.now();
  readonly #before: RunState | null;
  #queue: Promise<void> = Promise.resolve();
  #position = 0;
  #sinceFlush = 0;
  #settled = 0;
  #skipped = 0;
  #failed = 0;
  #rows = 0;
  #imageRows = 0;
  #notices = 0;
  #dim: number | null;
  #failuresBytes: number;
  #stopped = false;

  constructor(embedder: Embedder, options: EmbedFilesOptions, before: RunState | null) {
    this.#embedder = embedder;
    this.#options = options;
    this.#plan = new PartPlan(options.shardSize);
    this.#before = before;
    this.#doneParts = new Map(before?.parts.map((part) => [part.part, part]));
    this.#failuresBytes = before?.failuresBytes ?? 0;
    this.#dim = before?.dim ?? null;
    this.#failed = before?.counts.failed ?? 0;
    this.#notices = before?.counts.notices ?? 0;
  }

  /** Serialises everything that touches files. */
  #serially(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  #fail(slot: Slot, failure: FailureLine): void {
    if (slot.failure !== null) return;
    slot.failure = failure;
    this.#failed++;
    this.#settled++;
    const { onError, maxFailures } = this.#options;
    if (onError === 'fail') {
      throw new DiptychError(failureCode(failure), failure.message, { input: failure.input });
    }
    if (this.#failed > maxFailures) {
      throw new DiptychError(
        failureCode(failure),
        `more than ${String(maxFailures)} inputs failed, this one last: ${failure.message}`,
        { input: failure.input },
      );
    }
  }

  #untilFinish(items: AsyncIterable<InputItem>): AsyncIterable<InputItem> {
    const isIdle = (): boolean => [...this.#open.values()].every((part) => part.isFull);
    return untilFinish(items, this.#options.finish, isIdle, () => {
      this.#stopped = true;
    });
  }

  /** What the engine is fed with: the contents of the inputs whose part is not yet whole. */
  async *#feed(items: AsyncIterable<InputItem>): AsyncGenerator<StreamItem, void, undefined> {
    for await (const item of items) {
      const shape = shapeOf(item);
      const { part: number, last } = this.#plan.assign(shape);
      const done = this.#doneParts.get(number);
      if (done !== undefined) {
        this.#settled++;
        this.#skipped++;
        continue;
      }
      let part = this.#open.get(number);
      if (part === undefined) {
        if (this.#options.finish?.aborted === true) {
          this.#stopped = true;
          if (this.#open.size === 0) return;
          continue;
        }
        const { folder, format, dtype } = this.#options;
        part = new OpenPart(shape, { folder, part: number, format, dtype });
        this.#open.set(number, part);
      }
      const slot: Slot = {
        name: item.name,
        cells: item.cells,
        vectors: new Map(),
        wants: WANTS[shape],
        failure: null,
        listed: item.listed,
      };
      part.add(slot);
      if (item.shape === 'broken') {
        await checkThere(item.listed);
        const { code, message } = item.error;
        this.#fail(slot, {
          input: item.name,
          stage: 'read',
          code,
          message: withoutPrefix(message, item.name),
        });
      }
      if (item.shape === 'image' || item.shape === 'pair') {
        this.#expected.set(this.#position++, { slot, tower: 'image', part });
        yield { image: item.image };
      }
      if (item.shape === 'text' || item.shape === 'pair') {
        this.#expected.set(this.#position++, { slot, tower: 'text', part });
        yield { text: item.text };
      }
      if (last) part.close();
      if (++this.#sinceFlush >= FLUSH_EVERY) {
        this.#sinceFlush = 0;
        await this.#write();
      }
    }
  }

  /** A folder that vanishes takes all of its files along: that ends the run, so that none is lost for good. */
  async #checkFolders({ failures }: EmbeddedBatch): Promise<void> {
    const unread = failures.filter(({ stage }) => stage === 'read');
    const folders = new Set(unread.map(({ index }) => this.#expected.get(index)?.slot.listed));
    for (const folder of folders) await checkThere(folder);
  }

  /** Hands the results of a batch to the inputs that await them. */
  #take(batch: EmbeddedBatch): void {
    const stride = batch.dim * batch.vectors;
    batch.indices.forEach((index, row) => {
      const expected = this.#claim(index);
      const { slot, tower, part } = expected;
      part.setShape(tower, batch.vectors === 1 ? [batch.dim] : [batch.vectors, batch.dim]);
      this.#dim = batch.dim;
      slot.vectors.set(tower, batch.data.slice(row * stride, (row + 1) * stride));
      if (slot.failure === null && slot.vectors.size === slot.wants.size) {
        this.#settled++;
        this.#rows++;
        if (slot.vectors.has('image')) this.#imageRows++;
      }
    });
    for (const notice of batch.notices) {
      const name = this.#names.get(notice.index) ?? notice.input;
      this.#notices++;
      this.#options.onNotice?.(name, notice.message);
    }
    for (const { index, stage, code, message } of batch.failures) {
      const { slot } = this.#claim(index);
      this.#fail(slot, { input: slot.name, stage, code, message: withoutPrefix(message, slot.name) });
    }
    this.#names.clear();
  }

  /** Names of the inputs of the batch in hand, for its notices. */
  readonly #names = new Map<number, string>();

  #claim(index: number): Expected {
    const expected = this.#expected.get(index);
    if (expected === undefined)
      throw new RangeError(`the engine gave item ${String(index)}, which was not asked for`);
    this.#expected.delete(index);
    this.#names.set(index, expected.slot.name);
    return expected;
  }

  /** Takes to disk what is settled. */
  #write(): Promise<void> {
    return this.#serially(() => {
      const done = this.#embedder.stages.start('write');
      return this.#flush().finally(done);
    });
  }

  async #flush(): Promise<void> {
    const { folder } = this.#options;
    await checkOutput(folder);
    for (const part of [...this.#open.values()]) {
      await part.flush();
      if (!part.isFinished) continue;
      throwIfAborted(this.#options.signal);
      const { done, failureBytes } = await part.commit();
      await checkOutput(folder);
      this.#open.delete(part.part);
      this.#doneParts.set(part.part, done);
      this.#failuresBytes += failureBytes;
      await this.#writeState('running');
    }
  }

  state(status: RunState['status']): RunState {
    const parts = [...this.#doneParts.values()].sort((a, b) => a.part - b.part);
    const sum = (key: 'inputs' | 'rows' | 'failed'): number =>
      parts.reduce((total, part) => total + part[key], 0);
    const seconds = this.#seconds();
    const earlier = this.#before?.seconds ?? {};
    const { stages, tuning } = this.#embedder;
    const spent: Record<string, number> = { total: seconds, ...stages.seconds };
    for (const [stage, value] of Object.entries(earlier)) spent[stage] = (spent[stage] ?? 0) + value;
    for (const [stage, value] of Object.entries(spent)) spent[stage] = Math.round(value * 1000) / 1000;
    const rate = (count: number): number => (seconds > 0 ? Math.round((count / seconds) * 10) / 10 : 0);
    return {
      status,
      counts: { inputs: sum('inputs'), rows: sum('rows'), failed: sum('failed'), notices: this.#notices },
      dim: this.#dim,
      seconds: spent,
      encoder: utilisation(stages, seconds),
      ...(tuning === undefined ? {} : { tuning: { ...tuning } }),
      rowsPerSecond: rate(this.#rows),
      imagesPerSecond: rate(this.#imageRows),
      failuresBytes: this.#failuresBytes,
      parts,
    };
  }

  async #writeState(status: RunState['status']): Promise<void> {
    const { folder, identity, versions } = this.#options;
    await writeRun(folder, identity, versions, this.state(status));
  }

  #report(): void {
    this.#options.onProgress?.({
      done: this.#settled,
      skipped: this.#skipped,
      failed: this.#failed,
      rowsThisRun: this.#rows,
      seconds: this.#seconds(),
      stages: this.#embedder.stages.seconds,
    });
  }

  async run(items: AsyncIterable<InputItem>): Promise<EmbedFilesResult> {
    const { signal } = this.#options;
    try {
      await this.#writeState('running');
      for await (const batch of this.#embedder.embedStream(
        this.#feed(this.#untilFinish(timed(items, this.#embedder.stages))),
        signal === undefined ? {} : { signal },
      )) {
        await this.#checkFolders(batch);
        this.#take(batch);
        await this.#write();
        this.#report();
      }
      for (const part of this.#open.values()) part.close();
      await this.#write();
      this.#report();
      await this.#writeState(this.#stopped ? 'stopped' : 'complete');
      const state = this.state(this.#stopped ? 'stopped' : 'complete');
      return { state, rowsThisRun: this.#rows, seconds: this.#seconds(), stopped: this.#stopped };
    } catch (error) {
      await this.#queue;
      for (const part of this.#open.values()) await part.discard();
      throw error;
    }
  }
}

/** Share of the run in which each tower's encoders were at work, as their own threads measured it. */
function utilisation({ encoders }: StageClock, total: number): RunState['encoder'] {
  const used = Object.entries(encoders).filter(([, { seconds }]) => seconds > 0);
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  return Object.fromEntries(
    used.map(([tower, { seconds, fullSeconds, sessions }]) => [
      tower,
      {
        seconds: round(seconds),
        sessions,
        utilisation: total > 0 ? round(Math.min(1, fullSeconds / total)) : 0,
      },
    ]),
  );
}

/** Messages of the engine begin with the input's name; failures.jsonl has it in a field of its own. */
function withoutPrefix(message: string, name: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

function failureCode({ code }: FailureLine): ErrorCode {
  return isErrorCode(code) ? code : 'INPUT_UNREADABLE';
}

/**
 * Embeds inputs into parts on disk (interface.md, "Output of embed"), skipping what an earlier run has made.
 * A bad input costs only itself. Throws OUTPUT_BUSY, OUTPUT_EXISTS, OUTPUT_FAILED, ABORTED, and the engine's set-up errors.
 */
export async function embedFiles(
  embedder: Embedder,
  items: AsyncIterable<InputItem>,
  options: EmbedFilesOptions,
): Promise<EmbedFilesResult> {
  const release = await lockOutput(options.folder);
  try {
    const before = await prepareFolder(options.folder, options.existing, options.identity);
    return await new Run(embedder, options, before).run(items);
  } finally {
    release();
  }
}
