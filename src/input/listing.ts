import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { mergeCursors, SortedBlock, type Cursor } from './merge-names.js';
import { isImageName } from './sniff.js';
import { SpillFile } from './spill-file.js';

export interface Entry {
  readonly name: string;
  /** odd: a pipe, socket or device that is named like an image; others are left out. */
  readonly kind: 'file' | 'folder' | 'link' | 'odd';
}

function kindOf(entry: Dirent): Entry['kind'] | null {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (entry.isSymbolicLink()) return 'link';
  return isImageName(entry.name) ? 'odd' : null;
}

/** Entries sorted at once: some milliseconds of the event loop. */
const BLOCK = 4096;
/** Blocks in memory before they are merged into the spill file: 65,536 names. */
const BLOCKS = 16;
/** Names like "part.0000001" have as many endings as there are names. */
const MOST_ENDINGS = 1000;

export interface ListingLimits {
  readonly block: number;
  readonly blocks: number;
}

export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The entries of a folder in code unit order, whatever their number: sorted by blocks in memory, and beyond
 * {@link BLOCKS} of them through a file in `scratch` that no directory lists, so that a folder of a hundred million
 * entries costs as much memory as one of a hundred thousand. Names that begin with a dot are left out.
 */
export class Listing {
  /** Endings of the names (".jpg"), so that what cannot be there is told without looking; null: too many. */
  readonly #endings: ReadonlySet<string> | null;
  readonly #cursors: readonly Cursor[];
  readonly #spill: SpillFile | null;
  #names: ReadonlySet<string> | null = null;

  private constructor(
    cursors: readonly Cursor[],
    spill: SpillFile | null,
    endings: ReadonlySet<string> | null,
  ) {
    this.#cursors = cursors;
    this.#spill = spill;
    this.#endings = endings;
  }

  /** Throws what the file system throws for the folder, OUTPUT_FAILED for the spill file. */
  static async read(
    folder: string | Buffer,
    scratch: string,
    limits: ListingLimits = { block: BLOCK, blocks: BLOCKS },
  ): Promise<Listing> {
    let endings: Set<string> | null = new Set<string>();
    let blocks: SortedBlock[] = [];
    let block: Entry[] = [];
    let spill: SpillFile | null = null;
    const close = async (): Promise<void> => {
      if (block.length === 0) return;
      blocks.push(new SortedBlock(block.sort((a, b) => byCodeUnits(a.name, b.name))));
      block = [];
      await setImmediate();
    };
    try {
      for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
        if (entry.name.startsWith('.')) continue;
        const kind = kindOf(entry);
        if (kind === null) continue;
        endings?.add(endingOf(entry.name));
        if (endings !== null && endings.size > MOST_ENDINGS) endings = null;
        block.push({ name: entry.name, kind });
        if (block.length < limits.block) continue;
        await close();
        if (blocks.length < limits.blocks) continue;
        spill ??= await SpillFile.create(scratch);
        await spill.add(mergeCursors(blocks));
        blocks = [];
      }
      await close();
      const spilled = spill === null ? [] : await spill.cursors();
      return new Listing([...spilled, ...blocks], spill, endings);
    } catch (error) {
      await spill?.close();
      throw error;
    }
  }

  /** Whether all of it is in memory. */
  get inMemory(): boolean {
    return this.#spill === null;
  }

  /** Whether an entry has that name; null where only the file system knows. */
  has(name: string): boolean | null {
    if (this.#endings?.has(endingOf(name)) === false) return false;
    if (!this.inMemory) return null;
    this.#names ??= new Set(
      this.#cursors.flatMap((cursor) => (cursor instanceof SortedBlock ? cursor.names : [])),
    );
    return this.#names.has(name);
  }

  /** The entries, once. */
  async *entries(): AsyncGenerator<Entry, void, undefined> {
    try {
      for await (const some of mergeCursors(this.#cursors)) yield* some;
    } finally {
      await this.#spill?.close();
    }
  }
}

function endingOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.slice(dot);
}
