import { setImmediate } from 'node:timers/promises';
import type { Entry } from './listing.js';

/** A sorted run of entries, some of them in memory. */
export interface Cursor {
  /** The entry that it stands on; null at the end. */
  readonly current: Entry | null;
  /** Steps on; a promise where more has to be read first. */
  next(): Promise<void> | null;
}

/** A sorted run in memory. */
export class SortedBlock implements Cursor {
  readonly #entries: readonly Entry[];
  #at = 0;

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  get names(): string[] {
    return this.#entries.map(({ name }) => name);
  }

  get current(): Entry | null {
    return this.#entries[this.#at] ?? null;
  }

  next(): null {
    this.#at++;
    return null;
  }
}

/** Entries given at once: between them the event loop has its turn. */
const GIVEN = 1024;

/** Whether `a` comes before `b`; what has ended comes last. */
function before(a: Cursor | undefined, b: Cursor | undefined): boolean {
  const [left, right] = [a?.current ?? null, b?.current ?? null];
  if (left === null) return false;
  return right === null || left.name < right.name;
}

/** Lets the cursor at `from` sink to its place in the heap. */
function sink(heap: Cursor[], from: number): void {
  for (let at = from; ;) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && before(heap[child], heap[least])) least = child;
    }
    if (least === at) return;
    const [a, b] = [heap[at], heap[least]];
    if (a === undefined || b === undefined) return;
    heap[at] = b;
    heap[least] = a;
    at = least;
  }
}

/** Merges sorted runs into one, some entries at a time. */
export async function* mergeCursors(
  cursors: readonly Cursor[],
): AsyncGenerator<readonly Entry[], void, undefined> {
  const heap = cursors.filter(({ current }) => current !== null);
  for (let at = heap.length >> 1; at >= 0; at--) sink(heap, at);
  let given: Entry[] = [];
  for (;;) {
    const first = heap[0];
    const entry = first?.current ?? null;
    if (first === undefined || entry === null) break;
    given.push(entry);
    const reading = first.next();
    if (reading !== null) await reading;
    if (first.current === null) {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) heap[0] = last;
    }
    sink(heap, 0);
    if (given.length === GIVEN) {
      yield given;
      given = [];
      await setImmediate();
    }
  }
  if (given.length > 0) yield given;
}
