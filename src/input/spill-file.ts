import { open, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { DiptychError, messageOf } from '../errors.js';
import type { Entry } from './listing.js';
import type { Cursor } from './merge-names.js';

/** Memory for reading all runs back, divided among them. */
const READ_BYTES = 2 ** 21;
const LEAST_READ = 4096;
/** Longest name that a file system gives, with its mark. */
const LONGEST = 1024;

const MARKS = { file: 'f', folder: 'd', link: 'l', odd: 'o' } as const;
const KINDS: Readonly<Record<string, Entry['kind']>> = { f: 'file', d: 'folder', l: 'link', o: 'odd' };

interface Run {
  readonly start: number;
  readonly end: number;
}

let created = 0;

/**
 * Sorted runs of entries in a file that has lost its name as soon as it is open: it goes with the process, however that
 * ends. Entries are a mark, the name and a NUL, which no name can hold.
 */
export class SpillFile {
  readonly #handle: FileHandle;
  readonly #file: string;
  readonly #runs: Run[] = [];
  #size = 0;

  private constructor(handle: FileHandle, file: string) {
    this.#handle = handle;
    this.#file = file;
  }

  /** Throws OUTPUT_FAILED. */
  static async create(folder: string): Promise<SpillFile> {
    const file = path.join(folder, `.diptych-names-${String(process.pid)}-${String(created++)}.tmp`);
    try {
      const handle = await open(file, 'wx+');
      await unlink(file);
      return new SpillFile(handle, file);
    } catch (cause) {
      throw spillError(cause, file);
    }
  }

  /** Writes a run. Throws OUTPUT_FAILED (a full disk). */
  async add(entries: AsyncIterable<readonly Entry[]>): Promise<void> {
    const start = this.#size;
    for await (const some of entries) {
      const bytes = Buffer.from(some.map(({ name, kind }) => `${MARKS[kind]}${name}\0`).join(''));
      try {
        for (let done = 0; done < bytes.length;) {
          const { bytesWritten } = await this.#handle.write(
            bytes,
            done,
            bytes.length - done,
            this.#size + done,
          );
          done += bytesWritten;
        }
      } catch (cause) {
        throw spillError(cause, this.#file);
      }
      this.#size += bytes.length;
    }
    this.#runs.push({ start, end: this.#size });
  }

  /** The runs, each standing on its first entry. */
  async cursors(): Promise<Cursor[]> {
    const bytes = Math.max(LEAST_READ, Math.floor(READ_BYTES / Math.max(1, this.#runs.length)));
    const cursors = this.#runs.map((run) => new RunCursor(this.#handle, run, bytes));
    for (const cursor of cursors) await cursor.next();
    return cursors;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function spillError(cause: unknown, file: string): DiptychError {
  return new DiptychError(
    'OUTPUT_FAILED',
    `the names of a large folder cannot be kept here: ${messageOf(cause)}; make room, then --resume`,
    { input: path.dirname(file), cause },
  );
}

class RunCursor implements Cursor {
  readonly #handle: FileHandle;
  readonly #end: number;
  readonly #buffer: Buffer;
  #position: number;
  #entries: Entry[] = [];
  #at = 0;

  constructor(handle: FileHandle, { start, end }: Run, bytes: number) {
    this.#handle = handle;
    this.#position = start;
    this.#end = end;
    this.#buffer = Buffer.alloc(Math.max(bytes, LONGEST));
  }

  get current(): Entry | null {
    return this.#entries[this.#at] ?? null;
  }

  next(): Promise<void> | null {
    this.#at++;
    return this.#at < this.#entries.length || this.#position === this.#end ? null : this.#read();
  }

  async #read(): Promise<void> {
    const wanted = Math.min(this.#buffer.length, this.#end - this.#position);
    const { bytesRead } = await this.#handle.read(this.#buffer, 0, wanted, this.#position);
    const whole = this.#buffer.lastIndexOf(0, bytesRead - 1) + 1;
    if (bytesRead === 0 || whole === 0) throw new Error('the file of names is shorter than was written');
    this.#position += whole;
    const names = this.#buffer.toString('utf8', 0, whole - 1).split('\0');
    this.#entries = names.map((name) => ({ name: name.slice(1), kind: KINDS[name.slice(0, 1)] ?? 'file' }));
    this.#at = 0;
  }
}
