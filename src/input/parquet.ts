import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { DiptychError, restoredError, toDiptychError } from '../errors.js';
import { chooseColumns, imageBytesColumn, isRow, recordItem, type TableOptions } from './columns.js';
import { broken, type InputItem } from './item.js';
import { bytesColumns, type ParquetReply, type ParquetRequest } from './parquet-protocol.js';

/**
 * The thread that reads one file, asked for one answer at a time. Not by Promise.race with the thread's end: every call of
 * it would leave a reaction, and with it an answer's rows, on a promise that lives as long as the file.
 */
class ParquetReader {
  readonly #file: string;
  readonly #worker: Worker;
  #waiting: ((reply: ParquetReply) => void) | null = null;
  #ended: ParquetReply | null = null;

  constructor(file: string) {
    this.#file = file;
    this.#worker = new Worker(new URL('./parquet-worker.js', import.meta.url), { workerData: file });
    this.#worker.on('message', (reply: ParquetReply) => {
      this.#settle(reply);
    });
    const end = (message: string): void => {
      this.#ended ??= { type: 'failed', code: 'INPUT_UNREADABLE', message, input: file };
      this.#settle(this.#ended);
    };
    this.#worker.once('error', (error: Error) => {
      end(`cannot be read: ${error.message}`);
    });
    this.#worker.once('exit', () => {
      end('the thread that reads it has ended');
    });
  }

  #settle(reply: ParquetReply): void {
    this.#waiting?.(reply);
    this.#waiting = null;
  }

  /** Throws what reading threw. */
  async next(): Promise<Exclude<ParquetReply, { type: 'failed' }>> {
    const reply =
      this.#ended ??
      (await new Promise<ParquetReply>((resolve) => {
        this.#waiting = resolve;
        this.#worker.postMessage('next' satisfies ParquetRequest);
      }));
    if (reply.type !== 'failed') return reply;
    throw restoredError({ ...reply, input: this.#file });
  }

  /** Nothing native runs there, so that it may be ended at any moment. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Whether a .parquet file holds images themselves. False for one that cannot be read. */
export async function holdsImages(file: string): Promise<boolean> {
  try {
    // Loaded when the first is met, as all readers of tables are: see open.ts.
    const { asyncBufferFromFile, parquetMetadataAsync, parquetSchema } = await import('hyparquet');
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(file));
    return imageBytesColumn(bytesColumns(parquetSchema(metadata).children)) !== null;
  } catch {
    // Nobody asked for it by name: the folder has other things too.
    return false;
  }
}

/** A .parquet file, a row group (or a part of a large one) in memory at a time; image bytes, paths, URLs or texts in its columns. */
export async function* parquetItems(
  file: string,
  options: TableOptions,
): AsyncGenerator<InputItem, void, undefined> {
  const reader = new ParquetReader(file);
  let number = 0;
  try {
    const schema = await reader.next();
    if (schema.type !== 'schema') return;
    const columns = chooseColumns(file, schema.names, options.columns, options.kind, schema.bytesColumns);
    const folder = path.dirname(file);
    let coming = reader.next();
    for (;;) {
      const reply = await coming;
      if (reply.type !== 'rows') return;
      // Unpacked while these are worked on; what is wrong with it is told when it is waited for.
      coming = reader.next();
      coming.catch(() => undefined);
      for (const row of reply.rows) {
        number++;
        if (isRow(row)) yield recordItem(row, columns, `${file} row ${String(number)}`, folder);
      }
    }
  } catch (error) {
    if (error instanceof DiptychError && error.code === 'BAD_OPTION') throw error;
    yield broken(file, toDiptychError(error, 'INPUT_UNREADABLE', file));
  } finally {
    await reader.close();
  }
}
