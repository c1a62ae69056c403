import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DiptychError } from '../errors.js';
import type { AnyRows } from '../similarity/rows.js';
import { toCell, toJson, type Cell } from './cells.js';
import { vectorColumn, type Tower } from './layout.js';
import { allocate, readNpyHeader, readNpyRows, type NpyElements } from './npy.js';

/** Element types that are searched as they lie on disk; all others are read as float32. */
type ElementType = 'float32' | 'float16' | 'bfloat16' | 'int8';

const TYPES = new Map<string, ElementType>([
  ['<f2', 'float16'],
  ['<V2', 'bfloat16'],
  ['|V2', 'bfloat16'],
  ['|i1', 'int8'],
]);

const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
} as const;

/** One file of vectors, and the metadata that goes with it. */
interface Part {
  readonly vectors: string;
  readonly metadata: string | null;
  readonly rows: number;
  readonly type: ElementType;
}

export interface SetRows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** Rows that follow row `first` of a set. */
export interface RowBlock extends AnyRows {
  readonly first: number;
}

/** Embeddings on disk: a run's folder, one of its vector folders, a .npy or a .parquet file. */
export interface EmbeddingSet {
  readonly source: string;
  readonly tower: Tower | null;
  readonly rows: number;
  readonly dim: number;
  readonly parts: readonly Part[];
}

/** Parts in the order of their numbers: img_emb_10 comes after img_emb_9. */
function byNumber(a: string, b: string): number {
  const number = (name: string): number => Number(/(\d+)\.\w+$/.exec(name)?.[1] ?? -1);
  return number(a) - number(b) || (a < b ? -1 : a > b ? 1 : 0);
}

async function filesIn(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => pattern.test(name))
    .sort(byNumber)
    .map((name) => path.join(folder, name));
}

function invalid(source: string, why: string): DiptychError {
  return new DiptychError('OUTPUT_INVALID', why, { input: source });
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null))?.isFile() === true;
}

async function npyPart(
  file: string,
  tower: Tower | null,
): Promise<{ part: Part; dim: number; tower: Tower | null }> {
  const { type, shape } = await readNpyHeader(file);
  const [rows, dim] = shape;
  if (rows === undefined || dim === undefined || shape.length > 3) {
    throw invalid(file, `expected an array of rows, got shape (${shape.join(', ')})`);
  }
  if (dim === 0) throw invalid(file, 'its rows have no values');
  if (shape.length === 3) {
    throw invalid(
      file,
      `holds ${String(dim)} vectors a row (a multi-vector model): not comparable row by row`,
    );
  }
  const number = /_(\d+)\.npy$/.exec(file)?.[1];
  const beside = path.join(path.dirname(file), '..', 'metadata', `metadata_${String(number)}.parquet`);
  const metadata = number !== undefined && (await exists(beside)) ? beside : null;
  return { part: { vectors: file, metadata, rows, type: TYPES.get(type) ?? 'float32' }, dim, tower };
}

async function parquetPart(
  file: string,
  tower: Tower | null,
): Promise<{ part: Part; dim: number; tower: Tower } | null> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const found = (tower === null ? (['image', 'text'] as const) : [tower]).find((one) =>
    names.includes(vectorColumn(one)),
  );
  const rows = Number(metadata.num_rows);
  if (found === undefined || rows === 0) return null;
  const [first] = await vectorsOf(file, found, 0, 1);
  return {
    part: { vectors: file, metadata: file, rows, type: 'float32' },
    dim: first?.length ?? 0,
    tower: found,
  };
}

async function vectorsOf(file: string, tower: Tower, rowStart: number, rowEnd: number): Promise<number[][]> {
  const buffer = await asyncBufferFromFile(file);
  const name = vectorColumn(tower);
  const rows: unknown[] = await parquetReadObjects({
    file: buffer,
    columns: [name],
    rowStart,
    rowEnd,
    compressors,
  });
  return rows.map((row) => {
    const vector: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, name) : null;
    if (Array.isArray(vector) && vector.every((value) => typeof value === 'number')) return vector;
    throw invalid(file, `column ${name} does not hold lists of numbers`);
  });
}

/** The vectors' files that a path means. `tower` null: the images of a run, or its texts where it has no images. */
async function findFiles(
  source: string,
  tower: Tower | null,
): Promise<{ files: string[]; tower: Tower | null }> {
  const found = await stat(source).catch(() => null);
  if (found === null) {
    throw new DiptychError('INPUT_NOT_FOUND', 'no such file or folder of embeddings', { input: source });
  }
  if (found.isFile()) return { files: [source], tower };
  for (const candidate of tower === null ? (['image', 'text'] as const) : [tower]) {
    const name = candidate === 'image' ? 'img_emb' : 'text_emb';
    const files = await filesIn(path.join(source, name), /\.npy$/);
    if (files.length > 0) return { files, tower: candidate };
  }
  const joined = await filesIn(path.join(source, 'embeddings'), /\.parquet$/);
  if (joined.length > 0) return { files: joined, tower };
  const base = path.basename(path.resolve(source));
  const here = await filesIn(source, /\.(npy|parquet)$/);
  const implied = base === 'img_emb' ? 'image' : base === 'text_emb' ? 'text' : tower;
  if (here.length > 0) return { files: here, tower: implied };
  const jsonl = await filesIn(path.join(source, 'embeddings'), /\.jsonl$/);
  const hint =
    jsonl.length > 0 ? '; JSON lines are for other programs, use --format npy or parquet here' : '';
  const what = tower === null ? 'embeddings' : `${tower} embeddings`;
  throw invalid(
    source,
    `holds no ${what} (expected img_emb/, text_emb/ or embeddings/ as diptych embed writes)${hint}`,
  );
}

/** Opens embeddings on disk; reads no vectors yet. Throws INPUT_NOT_FOUND, OUTPUT_INVALID, DIMENSION_MISMATCH. */
export async function openEmbeddings(source: string, tower: Tower | null = null): Promise<EmbeddingSet> {
  const { files, tower: kind } = await findFiles(source, tower);
  const parts: Part[] = [];
  let dim: number | null = null;
  let found: Tower | null = kind;
  for (const file of files) {
    const opened = file.endsWith('.parquet') ? await parquetPart(file, found) : await npyPart(file, kind);
    if (opened === null) continue;
    found = opened.tower;
    if (dim !== null && dim !== opened.dim) {
      throw new DiptychError(
        'DIMENSION_MISMATCH',
        `rows of ${String(opened.dim)} numbers, but ${String(dim)} in the parts before`,
        { input: file },
      );
    }
    dim = opened.dim;
    parts.push(opened.part);
  }
  if (dim === null) throw invalid(source, 'holds no embeddings');
  return { source, tower: found, rows: parts.reduce((sum, part) => sum + part.rows, 0), dim, parts };
}

/** Copies the rows of a set, one after the other, into whatever wants them. */
class SetReader {
  readonly #set: EmbeddingSet;
  #part = 0;
  #row = 0;
  /** The vectors of the part under way where they cannot be read row by row: a .parquet. */
  #whole: Float32Array | null = null;

  constructor(set: EmbeddingSet) {
    this.#set = set;
  }

  /** Fills `to` with the rows that come next. */
  async read(to: NpyElements): Promise<void> {
    const { dim, parts } = this.#set;
    for (let at = 0; at < to.length;) {
      const part = parts[this.#part];
      if (part === undefined) throw invalid(this.#set.source, 'its parts hold fewer rows than they should');
      const count = Math.min(part.rows - this.#row, (to.length - at) / dim);
      await this.#copy(part, to.subarray(at, at + count * dim));
      at += count * dim;
      this.#row += count;
      if (this.#row === part.rows) [this.#part, this.#row, this.#whole] = [this.#part + 1, 0, null];
    }
  }

  async #copy(part: Part, to: NpyElements): Promise<void> {
    if (!part.vectors.endsWith('.parquet')) {
      await readNpyRows(part.vectors, this.#row, to);
      return;
    }
    const { dim, tower } = this.#set;
    this.#whole ??= Float32Array.from((await vectorsOf(part.vectors, tower ?? 'image', 0, part.rows)).flat());
    to.set(this.#whole.subarray(this.#row * dim, this.#row * dim + to.length));
  }
}

async function* blocksOf<T extends NpyElements>(
  set: EmbeddingSet,
  rows: number,
  take: (length: number) => T,
): AsyncGenerator<{ data: T; rows: number; dim: number; first: number }, void, undefined> {
  const reader = new SetReader(set);
  for (let first = 0; first < set.rows; first += rows) {
    const count = Math.min(rows, set.rows - first);
    const data = take(count * set.dim);
    await reader.read(data);
    yield { data, rows: count, dim: set.dim, first };
  }
}

/** The set in blocks of `rows` rows, the last one shorter, whatever its parts are. */
export function readBlocks(
  set: EmbeddingSet,
  rows: number,
): AsyncGenerator<SetRows & { readonly first: number }, void, undefined> {
  return blocksOf(set, rows, (length) => allocate(Float32Array, length, set.source));
}

/**
 * The same, elements as they are on disk where similarity takes their type and all parts have it. Two pieces of memory
 * take turns: a block is good until the second one after it is asked for.
 */
export async function* readRowBlocks(
  set: EmbeddingSet,
  rows: number,
): AsyncGenerator<RowBlock, void, undefined> {
  const dtype = elementType(set);
  const most = Math.min(rows, set.rows) * set.dim;
  const memory: NpyElements[] = [];
  let turn = 0;
  const take = (length: number): NpyElements => {
    const taken = (memory[turn] ??= allocate<NpyElements>(ARRAYS[dtype], most, set.source));
    turn = 1 - turn;
    return taken.subarray(0, length);
  };
  for await (const block of blocksOf(set, rows, take)) yield { ...block, dtype };
}

/** Bytes of an element of those blocks. */
export const elementBytes = (set: EmbeddingSet): number => ARRAYS[elementType(set)].BYTES_PER_ELEMENT;

function elementType({ parts }: EmbeddingSet): ElementType {
  const [type = 'float32', ...others] = new Set(parts.map((part) => part.type));
  return others.length === 0 ? type : 'float32';
}

/** The whole set in memory. */
export async function readEmbeddings(set: EmbeddingSet): Promise<SetRows> {
  const data = allocate(Float32Array, set.rows * set.dim, set.source);
  await new SetReader(set).read(data);
  return { data, rows: set.rows, dim: set.dim };
}

/** Rows of one part whose metadata is read singly. */
const FEW_ROWS = 16;

/** Metadata of some rows of the set, in the order asked for; empty objects where there is none. */
export async function readMetadata(
  set: EmbeddingSet,
  rows: readonly number[],
): Promise<Record<string, ReturnType<typeof toJson>>[]> {
  const result: Record<string, ReturnType<typeof toJson>>[] = rows.map(() => ({}));
  let first = 0;
  for (const part of set.parts) {
    const wanted = rows.flatMap((row, at) =>
      row >= first && row < first + part.rows ? [{ row: row - first, at }] : [],
    );
    if (part.metadata !== null && wanted.length > 0) {
      const file = await asyncBufferFromFile(part.metadata);
      const metadata = await parquetMetadataAsync(file);
      const vectors = new Set([vectorColumn('image'), vectorColumn('text')]);
      const columns = parquetSchema(metadata)
        .children.map(({ element }) => element.name)
        .filter((name) => !vectors.has(name));
      const read = (rowStart: number, rowEnd: number): Promise<unknown[]> =>
        parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors });
      // A few rows are looked up one by one; for many, one pass over the part is less work.
      const all = wanted.length > FEW_ROWS ? await read(0, part.rows) : null;
      for (const { row, at } of wanted) {
        result[at] = plainCells(all === null ? (await read(row, row + 1))[0] : all[row]);
      }
    }
    first += part.rows;
  }
  return result;
}

function plainCells(value: unknown): Record<string, ReturnType<typeof toJson>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => {
      const cell: Cell = toCell(inner);
      return [name, toJson(cell)];
    }),
  );
}
