import { floatsToHalves, halvesToFloats } from '../session/half.js';
import { AtomicFile, publishAll } from './atomic.js';
import { toJson, type Cells } from './cells.js';
import { joinedFile, partFiles, vectorColumn, type OutputFormat, type Tower } from './layout.js';
import { npyHeader } from './npy.js';
import type * as Parquet from './parquet.js';

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

/** The writer of parquet, loaded while the first batch is in the encoder. */
const parquet = (): Promise<typeof Parquet> => import('./parquet.js');

/** The towers' order in a file does not depend on which one answered first. */
const inOrder = <T>(map: ReadonlyMap<Tower, T>): [Tower, T][] =>
  (['image', 'text'] as const).flatMap((tower): [Tower, T][] => {
    const value = map.get(tower);
    return value === undefined ? [] : [[tower, value]];
  });

const asBytes = (view: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function join(vectors: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(vectors.reduce((length, vector) => length + vector.length, 0));
  let at = 0;
  for (const vector of vectors) {
    all.set(vector, at);
    at += vector.length;
  }
  return all;
}

/** Vectors stream to .npy files; only the metadata waits in memory for the end of the part. */
class NpyPart implements PartWriter {
  readonly #options: PartOptions;
  readonly #files = new Map<Tower, AtomicFile>();
  readonly #cells: Cells[] = [];
  #metadata: AtomicFile | null = null;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get rows(): number {
    return this.#cells.length;
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
      const floats = join(vectors);
      const file = await this.#file(tower);
      await file.append(asBytes(this.#options.dtype === 'fp16' ? floatsToHalves(floats) : floats));
    }
    for (const { cells } of rows) this.#cells.push(cells);
  }

  async commit(shapes: ReadonlyMap<Tower, RowShape>): Promise<string[]> {
    for (const [tower, shape] of inOrder(shapes)) {
      const file = await this.#file(tower);
      await file.patch(npyHeader(this.#type, [this.rows, ...shape]), 0);
    }
    const metadata = await AtomicFile.create(partFiles(this.#options.folder, this.#options.part).metadata);
    this.#metadata = metadata;
    const { parquetBytes } = await parquet();
    await metadata.append(parquetBytes(this.#cells));
    const files = [...this.#files.values(), metadata];
    await publishAll(files);
    return files.map(({ file }) => file);
  }

  async discard(): Promise<void> {
    for (const file of this.#files.values()) await file.discard();
    await this.#metadata?.discard();
  }
}

/** Metadata and vectors in one file, written at the end of the part. */
class JoinedPart implements PartWriter {
  readonly #options: PartOptions;
  readonly #format: 'parquet' | 'jsonl';
  readonly #rows: PartRow[] = [];
  #file: AtomicFile | null = null;

  constructor(options: PartOptions, format: 'parquet' | 'jsonl') {
    this.#options = options;
    this.#format = format;
  }

  get rows(): number {
    return this.#rows.length;
  }

  append(rows: readonly PartRow[]): Promise<void> {
    const rounded = (vector: Float32Array): Float32Array =>
      this.#options.dtype === 'fp16' ? roundToHalves(vector) : vector;
    for (const { cells, vectors } of rows) {
      const kept = new Map(inOrder(vectors).map(([tower, vector]) => [tower, rounded(vector)]));
      this.#rows.push({ cells, vectors: kept });
    }
    return Promise.resolve();
  }

  async commit(shapes: ReadonlyMap<Tower, RowShape>): Promise<string[]> {
    const file = await AtomicFile.create(joinedFile(this.#options.folder, this.#options.part, this.#format));
    this.#file = file;
    if (this.#format === 'parquet') {
      const vectors = inOrder(shapes).map(([tower, shape]) => ({
        name: vectorColumn(tower),
        data: join(this.#rows.flatMap((row) => row.vectors.get(tower) ?? [])),
        dim: shape.reduce((product, axis) => product * axis, 1),
      }));
      const { parquetBytes } = await parquet();
      await file.append(
        parquetBytes(
          this.#rows.map(({ cells }) => cells),
          vectors,
        ),
      );
    } else {
      for (const row of this.#rows) await file.append(Buffer.from(`${jsonLine(row)}\n`));
    }
    await publishAll([file]);
    return [file.file];
  }

  async discard(): Promise<void> {
    await this.#file?.discard();
  }
}

function jsonLine({ cells, vectors }: PartRow): string {
  const plain = Object.entries(cells).map(([name, cell]): [string, unknown] => [name, toJson(cell)]);
  const lists = [...vectors].map(([tower, vector]): [string, unknown] => [
    vectorColumn(tower),
    Array.from(vector),
  ]);
  return JSON.stringify(Object.fromEntries([...plain, ...lists]));
}

function roundToHalves(vector: Float32Array): Float32Array {
  return halvesToFloats(floatsToHalves(vector));
}

export function openPart(options: PartOptions): PartWriter {
  // Found broken, it is told when it is used.
  if (options.format !== 'jsonl') parquet().catch(() => undefined);
  return options.format === 'npy' ? new NpyPart(options) : new JoinedPart(options, options.format);
}
