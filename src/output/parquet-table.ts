import { Worker } from 'node:worker_threads';
import type { Cells } from './cells.js';
import type { Tower } from './layout.js';
import type { TableReply, TableRequest, TableRows } from './parquet-protocol.js';
import type * as ParquetRows from './parquet-rows.js';

/** So few rows are written where they are: in no time, and a thread takes longer to start. */
const FEW_ROWS = 128;

interface Waiting {
  readonly resolve: (pieces: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
}

/** One thread writes the tables of all runs; it keeps the process alive only while a file is waited for. */
class TableThread {
  readonly #worker = new Worker(new URL('./parquet-table-worker.js', import.meta.url));
  readonly #waiting = new Map<number, Waiting>();

  constructor(onEnd: () => void) {
    this.#worker.unref();
    this.#worker.on('message', (reply: TableReply) => {
      const waiting = this.#waiting.get(reply.table);
      this.#settled(reply.table);
      if (reply.type === 'file') waiting?.resolve(reply.pieces);
      else waiting?.reject(new Error(reply.message));
    });
    const end = (error: Error): void => {
      onEnd();
      for (const [table, { reject }] of this.#waiting) {
        this.#settled(table);
        reject(error);
      }
    };
    this.#worker.once('error', end);
    this.#worker.once('exit', () => {
      end(new Error('the thread that writes parquet has ended'));
    });
  }

  #settled(table: number): void {
    this.#waiting.delete(table);
    if (this.#waiting.size === 0) this.#worker.unref();
  }

  send(request: TableRequest, transfer: readonly ArrayBufferLike[] = []): void {
    const buffers = transfer.filter((buffer) => buffer instanceof ArrayBuffer);
    this.#worker.postMessage(request, buffers);
  }

  finish(request: TableRequest & { type: 'finish' }): Promise<readonly Uint8Array[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.table, { resolve, reject });
      this.#worker.ref();
      this.send(request);
    });
  }
}

let shared: TableThread | null = null;
let tables = 0;

function thread(): TableThread {
  const opened = shared ?? new TableThread(() => (shared = null));
  shared = opened;
  return opened;
}

/** The writer of parquet, for few rows. */
const rowsWriter = (): Promise<typeof ParquetRows> => import('./parquet-rows.js');

/** Collects the rows of one parquet file; all but few of them wait in another thread, where it is put together. */
export class ParquetTable {
  readonly #table = tables++;
  #few: TableRows[] = [];
  #thread: TableThread | null = null;
  #rows = 0;

  constructor() {
    // Loaded while the first batch is in the encoder; found broken, it is told when it is used.
    rowsWriter().catch(() => undefined);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Keeps rows; the vectors' buffers are the table's from now on. */
  append(cells: readonly Cells[], vectors: TableRows['vectors'] = []): void {
    this.#rows += cells.length;
    this.#few.push({ cells, vectors });
    if (this.#thread === null && this.#rows <= FEW_ROWS) return;
    this.#thread ??= thread();
    for (const rows of this.#few) {
      const buffers = rows.vectors.map(([, data]) => data.buffer);
      this.#thread.send({ type: 'rows', table: this.#table, rows }, buffers);
    }
    this.#few = [];
  }

  /** The whole file, in pieces. `dims`: numbers in a row's vector, by tower, of those that become columns. */
  async finish(dims: readonly (readonly [Tower, number])[] = []): Promise<readonly Uint8Array[]> {
    if (this.#thread !== null)
      return this.#thread.finish({ type: 'finish', table: this.#table, count: this.#rows, dims });
    const { tablePieces } = await rowsWriter();
    return tablePieces(this.#few, dims);
  }

  drop(): void {
    this.#thread?.send({ type: 'drop', table: this.#table });
    this.#few = [];
  }
}
