import { renameSync } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { DiptychError, messageOf, systemCode } from '../errors.js';
import { makeFolder } from '../folders.js';

/** Ending of files that are being written; one that is still there was left by a run that was killed. */
export const TEMPORARY = '.partial';

/** An I/O error of the output side, with what to do about it. */
export function outputError(cause: unknown, file: string): DiptychError {
  if (cause instanceof DiptychError) return cause;
  const code = systemCode(cause);
  const message =
    code === 'ENOSPC'
      ? 'the disk is full; make room and run again with --resume'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'not writable; choose another --out or mend its permissions'
        : `cannot be written: ${messageOf(cause)}`;
  return new DiptychError('OUTPUT_FAILED', message, { cause, input: file });
}

/** Makes a rename last through a power cut; not every platform can sync a folder. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that appears whole under its name at {@link publishAll}, or not at all. */
export class AtomicFile {
  readonly file: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #length = 0;

  private constructor(file: string, temporary: string, handle: FileHandle) {
    this.file = file;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** Creates the folder and the temporary file. Throws OUTPUT_FAILED. */
  static async create(file: string): Promise<AtomicFile> {
    const temporary = `${file}${TEMPORARY}`;
    try {
      await makeFolder(path.dirname(file));
      return new AtomicFile(file, temporary, await open(temporary, 'w'));
    } catch (cause) {
      throw outputError(cause, file);
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  /** Writes at a place, before or after what was appended: for headers that are known last, and for tiles. */
  async patch(bytes: Uint8Array, position: number): Promise<void> {
    await this.#write(bytes, position);
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      let done = 0;
      while (done < bytes.byteLength) {
        const left = bytes.byteLength - done;
        done += (await this.#handle.write(bytes, done, left, position + done)).bytesWritten;
      }
    } catch (cause) {
      throw outputError(cause, this.file);
    }
  }

  /** Syncs the bytes to disk; the file keeps its temporary name until {@link publish}. */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
    } catch (cause) {
      throw outputError(cause, this.file);
    }
  }

  /** Gives the finished file its name. Synchronous, so that the files of a part appear in one breath. */
  publish(): void {
    try {
      renameSync(this.#temporary, this.file);
    } catch (cause) {
      throw outputError(cause, this.file);
    }
  }

  /** Leaves nothing behind, as far as the disk lets it: there is an error already that is to be told. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#temporary, { force: true }).catch(() => undefined);
  }
}

/** Finishes all files, then names them all: a kill leaves either none of them or, all but surely, all. */
export async function publishAll(files: readonly AtomicFile[]): Promise<void> {
  for (const file of files) await file.finish();
  for (const file of files) file.publish();
  for (const folder of new Set(files.map(({ file }) => path.dirname(file)))) {
    await syncFolder(folder).catch((cause: unknown) => {
      throw outputError(cause, folder);
    });
  }
}

/** Writes a whole file, or leaves what was there before. Throws OUTPUT_FAILED. */
export async function writeFileAtomic(file: string, content: Uint8Array | string): Promise<void> {
  await writePiecesAtomic(file, [content]);
}

/** Bytes that small pieces are gathered to before they are written. */
const WRITE_BYTES = 1 << 20;

/** The same of many pieces, which never are in memory together; a large one is written as it is. */
export async function writePiecesAtomic(
  file: string,
  pieces: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): Promise<void> {
  const target = await AtomicFile.create(file);
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const [only, ...more] = waiting;
    if (only !== undefined) await target.append(more.length === 0 ? only : Buffer.concat(waiting));
    [waiting, bytes] = [[], 0];
  };
  try {
    for await (const given of pieces) {
      const piece = typeof given === 'string' ? Buffer.from(given) : given;
      if (bytes + piece.length > WRITE_BYTES) await flush();
      waiting.push(piece);
      bytes += piece.length;
    }
    await flush();
  } catch (error) {
    await target.discard();
    throw error;
  }
  await publishAll([target]);
}
