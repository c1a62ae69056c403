import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { outputError } from './atomic.js';

/** One piece of work on a lane of its own ("encode image 0"). Times in milliseconds from any fixed moment. */
export interface TraceEvent {
  readonly name: string;
  readonly lane: string;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly items: number;
}

/** Pieces shorter than this are left out: reading from a warm disk alone would write one for each image. */
const SHORTEST_MS = 0.05;

/**
 * Writes a Chrome trace (chrome://tracing, ui.perfetto.dev): the JSON array form, an event a line, streamed, so that a
 * run of days needs no memory for it and the trace of a killed one can be read all the same.
 */
export class TraceFile {
  readonly #file: string;
  readonly #stream: WriteStream;
  readonly #lanes = new Map<string, number>();
  #error: unknown = null;
  #lines = 0;

  constructor(file: string) {
    this.#file = file;
    this.#stream = createWriteStream(file);
    this.#stream.on('error', (error) => {
      this.#error = error;
    });
  }

  #write(event: Readonly<Record<string, unknown>>): void {
    this.#stream.write(`${this.#lines++ === 0 ? '[\n' : ',\n'}${JSON.stringify(event)}`);
  }

  #lane(name: string): number {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = this.#lanes.size + 1;
    this.#lanes.set(name, lane);
    this.#write({ name: 'thread_name', ph: 'M', pid: 1, tid: lane, args: { name } });
    return lane;
  }

  add({ name, lane, beganMs, endedMs, items }: TraceEvent): void {
    if (endedMs - beganMs < SHORTEST_MS) return;
    const tid = this.#lane(lane);
    const microseconds = (milliseconds: number): number => Math.round(milliseconds * 1000);
    const [ts, dur] = [microseconds(beganMs), microseconds(endedMs - beganMs)];
    this.#write({ name, ph: 'X', ts, dur, pid: 1, tid, args: { items } });
  }

  /** Throws OUTPUT_FAILED where the file could not be written. */
  async close(): Promise<void> {
    this.#stream.end(this.#lines === 0 ? '[]\n' : '\n]\n');
    try {
      await finished(this.#stream);
    } catch (error) {
      throw outputError(this.#error ?? error, this.#file);
    }
  }
}
