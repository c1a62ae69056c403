import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { outputError } from '../output/atomic.js';
import type { ListedFolder } from '../input/item.js';
import type { Cells } from '../output/cells.js';
import { FAILURES_FILE, type Tower } from '../output/layout.js';
import { openPart, type PartOptions, type PartRow, type PartWriter, type RowShape } from '../output/part.js';
import type { DonePart, Shape } from '../output/run-file.js';

/** A line of failures.jsonl. */
export interface FailureLine {
  readonly input: string;
  readonly stage: 'read' | 'decode' | 'tokenize' | 'encode';
  readonly code: string;
  readonly message: string;
}

/** An input on its way: settled when it has all its vectors, or a failure. */
export interface Slot {
  readonly name: string;
  readonly cells: Cells;
  readonly vectors: Map<Tower, Float32Array>;
  readonly wants: ReadonlySet<Tower>;
  failure: FailureLine | null;
  /** The folder that it was listed in, if any. */
  readonly listed?: ListedFolder | undefined;
}

const isSettled = (slot: Slot): boolean =>
  [...slot.wants].every((tower) => slot.vectors.has(tower)) ||
  // A pair whose one half failed still waits for nothing: the other half is dropped when it comes.
  slot.failure !== null;

/** Writes are gathered up to this many rows. */
const GATHER = 1024;

/** A part that inputs are still going into. Rows are written in the order of the inputs, whatever order they come in. */
export class OpenPart {
  readonly part: number;
  readonly shape: Shape;
  readonly #folder: string;
  readonly #writer: PartWriter;
  readonly #shapes = new Map<Tower, RowShape>();
  readonly #failures: FailureLine[] = [];
  #waiting: Slot[] = [];
  #head = 0;
  #inputs = 0;
  #full = false;

  constructor(shape: Shape, options: PartOptions) {
    this.part = options.part;
    this.shape = shape;
    this.#folder = options.folder;
    this.#writer = openPart(options);
  }

  get failures(): readonly FailureLine[] {
    return this.#failures;
  }

  add(slot: Slot): void {
    this.#waiting.push(slot);
    this.#inputs++;
  }

  /** No more inputs will come. */
  close(): void {
    this.#full = true;
  }

  get isFull(): boolean {
    return this.#full;
  }

  setShape(tower: Tower, shape: RowShape): void {
    this.#shapes.set(tower, shape);
  }

  get isFinished(): boolean {
    return this.#full && this.#head === this.#waiting.length;
  }

  /** Takes the settled inputs at the head of the line to the writer. */
  async flush(): Promise<void> {
    let rows: PartRow[] = [];
    for (;;) {
      const slot = this.#waiting[this.#head];
      if (slot === undefined || !isSettled(slot)) break;
      this.#head++;
      if (slot.failure === null) rows.push({ cells: slot.cells, vectors: slot.vectors });
      else this.#failures.push(slot.failure);
      if (rows.length === GATHER) {
        const gathered = rows;
        rows = [];
        await this.#writer.append(gathered);
      }
    }
    if (rows.length > 0) await this.#writer.append(rows);
    if (this.#head > GATHER) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Publishes the part's files and appends its failures; returns their length in bytes too. */
  async commit(): Promise<{ readonly done: DonePart; readonly failureBytes: number }> {
    const { rows } = this.#writer;
    const files = rows === 0 ? [] : await this.#writer.commit(this.#shapes);
    if (rows === 0) await this.#writer.discard();
    const lines = this.#failures.map((failure) => `${JSON.stringify(failure)}\n`).join('');
    const target = path.join(this.#folder, FAILURES_FILE);
    try {
      await appendFile(target, lines, { flush: true });
    } catch (cause) {
      throw outputError(cause, target);
    }
    const done: DonePart = {
      part: this.part,
      shape: this.shape,
      inputs: this.#inputs,
      rows,
      failed: this.#failures.length,
      files: files.map((file) => path.relative(this.#folder, file).split(path.sep).join('/')),
    };
    return { done, failureBytes: Buffer.byteLength(lines) };
  }

  async discard(): Promise<void> {
    await this.#writer.discard();
  }
}
