import { floatsToHalves, halvesToFloats } from '../session/half.js';
import { AtomicFile, publishAll } from './atomic.js';
import { toJson, type Cells } from './cells.js';
import { joinFloats } from './join-floats.js';
import { joinedFile, partFiles, vectorColumn, type OutputFormat, type Tower } from './layout.js';
import { npyHeader } from './npy.js';
import { ParquetTable } from './parquet-table.js';

export interface PartOptions {
  readonly folder: string;
  readonly part: number;
  readonly format: OutputFormat;
  readonly dtype: 'fp32' | 'fp16';
}

/** A row of a part: what describes it, and its vector in each space that it has. */
export interface PartRow {
  readonly cells: Cells;
  readonly vectors: ReadonlyMap<Tower, Float32Array>;
}

/** Shape of one row's vector: [dim], or [vectors, dim] of a multi-vector model. */
export type RowShape = readonly number[];

/** Collects the rows of one part and makes its files appear together. */
export interface PartWriter {
  readonly rows: number;
  append(rows: readonly PartRow[]): Promise<void>;
  /** Paths of the files, once they have their names. */
  commit(shapes: ReadonlyMap<Tower, RowShape>): Promise<string[]>;
  discard(): Promise<void>;
}

/** The towers' order in a file does not depend on which one answered first. */
const inOrder = <T>(map: ReadonlyMap<Tower, T>): [Tower, T][] =>
  (['image', 'text'] as const).flatMap((tower): [Tower, T][] => {
    const value = map.get(tower);
    return value === undefined ? [] : [[tower, value]];
  });

const asBytes = (view: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Vectors stream to .npy files; only the metadata waits for the end of the part. */
class NpyPart implements PartWriter {
  readonly #options: PartOptions;
  readonly #files = new Map<Tower, AtomicFile>();
  readonly #cells = new ParquetTable();
  #metadata: AtomicFile | null = null;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get rows(): number {
    return this.#cells.rows;
  }

  get #type(): '<f4' | '<f2' {
    return this.#options.dtype === 'fp16' ? '<f2' : '<f4';
  }

  async #file(tower: Tower): Promise<AtomicFile> {
    const open = this.#files.get(tower);
    if (open !== undefined) return open;
    const file = await AtomicFile.create(partFiles(this.#options.folder, this.#options.part)[tower]);
    this.#files.set(tower, file);
    // The header's length does not depend on the number of rows: the true one takes this one's place.
    await file.append(npyHeader(this.#type, [0, 1]));
    return file;
  }

  async append(rows: readonly PartRow[]): Promise<void> {
    for (const tower of ['image', 'text'] as const) {
      const vectors = rows.flatMap((row) => row.vectors.get(tower) ?? []);
      if (vectors.length === 0) continue;
      const floats = joinFloats(vectors);
      const file = await this.#file(tower);
      await file.append(asBytes(this.#options.dtype === 'fp16' ? floatsToHalves(floats) : floats));
    }
    this.#cells.append(rows.map(({ cells }) => cells));
  }

  async commit(shapes: ReadonlyMap<Tower, RowShape>): Promise<string[]> {
    for (const [tower, shape] of inOrder(shapes)) {
      const file = await this.#file(tower);
      await file.patch(npyHeader(this.#type, [this.rows, ...shape]), 0);
    }
    const metadata = await AtomicFile.create(partFiles(this.#options.folder, this.#options.part).metadata);
    this.#metadata = metadata;
    for (const piece of await this.#cells.finish()) await metadata.append(piece);
    const files = [...this.#files.values(), metadata];
    await publishAll(files);
    return files.map(({ file }) => file);
  }

  async discard(): Promise<void> {
    this.#cells.drop();
    for (const file of this.#files.values()) await file.discard();
    await this.#metadata?.discard();
  }
}

/** A row's vectors as the files have them. */
const rounded = (vector: Float32Array, dtype: PartOptions['dtype']): Float32Array =>
  dtype === 'fp16' ? roundToHalves(vector) : vector;

/** Metadata and vectors in one parquet file, put together at the end of the part. */
class ParquetPart implements PartWriter {
  readonly #options: PartOptions;
  readonly #table = new ParquetTable();
  #file: AtomicFile | null = null;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get rows(): number {
    return this.#table.rows;
  }

  append(rows: readonly PartRow[]): Promise<void> {
    const vectors = (['image', 'text'] as const).map((tower): [Tower, Float32Array] => {
      const own = rows.flatMap((row) => row.vectors.get(tower) ?? []);
      return [tower, rounded(joinFloats(own), this.#options.dtype)];
    });
    this.#table.append(
      rows.map(({ cells }) => cells),
      vectors.filter(([, data]) => data.length > 0),
    );
    return Promise.resolve();
  }

  async commit(shapes: ReadonlyMap<Tower, RowShape>): Promise<string[]> {
    const file = await AtomicFile.create(joinedFile(this.#options.folder, this.#options.part, 'parquet'));
    this.#file = file;
    const dims = inOrder(shapes).map(([tower, shape]): [Tower, number] => [
      tower,
      shape.reduce((product, axis) => product * axis, 1),
    ]);
    for (const piece of await this.#table.finish(dims)) await file.append(piece);
    await publishAll([file]);
    return [file.file];
  }

  async discard(): Promise<void> {
    this.#table.drop();
    await this.#file?.discard();
  }
}

/** Lines made at a time: a vector's numbers take a fifth of a millisecond to write out. */
const LINES = 16;

/** Metadata and vectors in lines of JSON, which stream to their file. */
class JsonlPart implements PartWriter {
  readonly #options: PartOptions;
  #file: AtomicFile | null = null;
  #rows = 0;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get rows(): number {
    return this.#rows;
  }

  async append(rows: readonly PartRow[]): Promise<void> {
    const { folder, part, dtype } = this.#options;
    this.#file ??= await AtomicFile.create(joinedFile(folder, part, 'jsonl'));
    for (let at = 0; at < rows.length; at += LINES) {
      const lines = rows.slice(at, at + LINES).map((row) => `${jsonLine(row, dtype)}\n`);
      await this.#file.append(Buffer.from(lines.join('')));
    }
    this.#rows += rows.length;
  }

  async commit(): Promise<string[]> {
    if (this.#file === null) return [];
    await publishAll([this.#file]);
    return [this.#file.file];
  }

  async discard(): Promise<void> {
    await this.#file?.discard();
  }
}

function jsonLine({ cells, vectors }: PartRow, dtype: PartOptions['dtype']): string {
  const plain = Object.entries(cells).map(([name, cell]): [string, unknown] => [name, toJson(cell)]);
  const lists = inOrder(vectors).map(([tower, vector]): [string, unknown] => [
    vectorColumn(tower),
    Array.from(rounded(vector, dtype)),
  ]);
  return JSON.stringify(Object.fromEntries([...plain, ...lists]));
}

function roundToHalves(vector: Float32Array): Float32Array {
  return halvesToFloats(floatsToHalves(vector));
}

export function openPart(options: PartOptions): PartWriter {
  if (options.format === 'npy') return new NpyPart(options);
  return options.format === 'parquet' ? new ParquetPart(options) : new JsonlPart(options);
}
