import { AtomicFile, publishAll, writeFileAtomic, writePiecesAtomic } from '../output/atomic.js';
import { csvCell } from '../output/csv.js';
import { heatMapPng } from '../output/heat-map.js';
import type { Matches, MatrixNames } from '../output/match-file.js';
import { npyHeader } from '../output/npy.js';
import { numbered, renumbered } from '../similarity/blocks.js';
import { Shares, type OnProgress } from '../similarity/call.js';
import { allocateScores, cosineSimilarity, type CosineOptions } from '../similarity/cosine.js';
import { rangeSearchBlocks } from '../similarity/range-blocks.js';
import { queryStarts, rangeSearch, type Pairs } from '../similarity/range.js';
import { checkSameDim, type AnyRows, type Matrix } from '../similarity/rows.js';
import { allocateHits, type Hits, type TopKOptions } from '../similarity/topk.js';
import { readAhead } from './read-ahead.js';
import { rowsInMemory, type RowSource } from './row-source.js';
import { topKOf } from './search-set.js';

/** Hits without what is below `least`: they are in order, so each row loses its last ones. */
function matchesOf({ rows, k, indices, scores }: Hits, least: number): Matches {
  const starts = new Float64Array(rows + 1);
  let end = 0;
  for (let row = 0; row < rows; row++) {
    for (let at = row * k; at < (row + 1) * k && (scores[at] ?? 0) >= least; at++, end++) {
      indices[end] = indices[at] ?? 0;
      scores[end] = scores[at] ?? 0;
    }
    starts[row + 1] = end;
  }
  return { rows, starts, indices: indices.subarray(0, end), scores: scores.subarray(0, end) };
}

/** Pairs, which are in order, by their queries. */
function matchesOfPairs({ queries, rows: indices, scores }: Pairs, rows: number): Matches {
  return { rows, starts: queryStarts(queries, rows), indices, scores };
}

/** Matches of rows that follow each other, as those of all of them. */
function joined(parts: readonly Matches[]): Matches {
  const [only, ...more] = parts;
  if (only !== undefined && more.length === 0) return only;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const length = parts.reduce((sum, part) => sum + part.indices.length, 0);
  const all = { rows, starts: new Float64Array(rows + 1), ...allocateHits(length) };
  let [row, at] = [0, 0];
  for (const part of parts) {
    for (let own = 1; own <= part.rows; own++) all.starts[row + own] = at + (part.starts[own] ?? 0);
    all.indices.set(part.indices, at);
    all.scores.set(part.scores, at);
    row += part.rows;
    at += part.indices.length;
  }
  return all;
}

/** A as a whole where nothing has to be read in blocks. */
function blocksOf(a: RowSource, b: RowSource): AsyncIterable<{ block: AnyRows; first: number }> {
  return numbered(a.whole === null || b.whole === null ? a : rowsInMemory(a.whole, Infinity));
}

/** The rows of B for each row of A: the `top` best, and of those what reaches the threshold. */
export async function bestMatches(
  a: RowSource,
  b: RowSource,
  options: TopKOptions & { readonly top: number | null; readonly threshold: number | null },
): Promise<Matches> {
  const { top, threshold, onProgress, ...rest } = options;
  const least = threshold ?? -Infinity;
  const shares = new Shares(a.rows, a.rows, onProgress);
  const find = async (block: AnyRows): Promise<Matches> => {
    const share = { ...rest, onProgress: shares.next(block.rows) };
    if (top !== null) return matchesOf(await topKOf(block, b, top, share), least);
    const pairs =
      b.whole === null
        ? await rangeSearchBlocks(block, b, least, share)
        : await rangeSearch(block, b.whole, least, share);
    return matchesOfPairs(pairs, block.rows);
  };
  const parts: Matches[] = [];
  for await (const { block, first } of blocksOf(a, b)) {
    parts.push(
      await find(block).catch((error: unknown) => {
        throw renumbered(error, 'queries', first);
      }),
    );
  }
  return joined(parts);
}

/** A piece of the matrix: element (i, j) of `scores` is element (row + i, column + j) of the whole. */
interface Tile {
  readonly row: number;
  readonly column: number;
  readonly scores: Matrix;
}

/** Bytes of a tile: the matrix of two large sets does not fit into memory. */
const TILE_BYTES = 128 << 20;

interface MatrixOptions extends CosineOptions {
  /** How much of the matrix is done, in rows of A. */
  readonly onProgress?: OnProgress;
}

/** Some rows of a block, with the number of the first of them in the whole. */
function* bandsOf(block: AnyRows, first: number, columns: number): Generator<[band: AnyRows, row: number]> {
  const step = Math.max(1, Math.floor(TILE_BYTES / (4 * Math.max(1, columns))));
  for (let from = 0; from < block.rows; from += step) {
    const rows = Math.min(step, block.rows - from);
    const data = block.data.subarray(from * block.dim, (from + rows) * block.dim);
    yield [{ ...block, data, rows }, first + from];
  }
}

/** The matrix of scores in tiles, each block of B with all rows of A. */
async function* tiles(
  a: RowSource,
  b: RowSource,
  { onProgress, ...options }: MatrixOptions,
): AsyncGenerator<Tile, void, undefined> {
  checkSameDim(a, b, ['a', 'b']);
  const shares = new Shares(a.rows * b.rows, a.rows, onProgress);
  for await (const { block: columns, first: column } of blocksOf(b, b)) {
    for await (const { block, first } of blocksOf(a, b)) {
      for (const [band, row] of bandsOf(block, first, columns.rows)) {
        const scores = await cosineSimilarity(band, columns, options).catch((error: unknown) => {
          throw renumbered(renumbered(error, 'a', row), 'b', column);
        });
        shares.next(band.rows * columns.rows)(1, 1);
        yield { row, column, scores };
      }
    }
  }
}

/** The whole matrix in memory. Throws OUT_OF_MEMORY, and what `cosineSimilarity` throws. */
export async function scoreMatrix(a: RowSource, b: RowSource, options: MatrixOptions): Promise<Matrix> {
  const data = allocateScores(a.rows * b.rows);
  for await (const { row, column, scores } of tiles(a, b, options)) {
    for (let own = 0; own < scores.rows; own++) {
      data.set(rowOf(scores, own), (row + own) * b.rows + column);
    }
  }
  return { data, rows: a.rows, columns: b.rows };
}

const rowOf = ({ data, columns }: Matrix, row: number): Float32Array =>
  data.subarray(row * columns, (row + 1) * columns);

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

async function* csvLines(
  a: RowSource,
  b: RowSource,
  names: MatrixNames,
  { onProgress, ...options }: MatrixOptions,
): AsyncGenerator<string, void, undefined> {
  const named = names.rows !== null || names.columns !== null;
  if (named) {
    const heads = names.columns ?? Array.from({ length: b.rows }, (_, column) => String(column));
    yield `${['', ...heads].map(csvCell).join(',')}\n`;
  }
  for await (const { block, first } of numbered(a)) {
    for (const [band, row] of bandsOf(block, first, b.rows)) {
      const scores = await scoreMatrix(rowsInMemory(band), b, options).catch((error: unknown) => {
        throw renumbered(error, 'a', row);
      });
      for (let own = 0; own < band.rows; own++) {
        const cells = Array.from(rowOf(scores, own), String);
        const name = csvCell(names.rows?.[row + own] ?? String(row + own));
        yield `${(named ? [name, ...cells] : cells).join(',')}\n`;
      }
      onProgress?.(row + band.rows, a.rows);
    }
  }
}

async function saveNpy(file: string, a: RowSource, b: RowSource, options: MatrixOptions): Promise<void> {
  const target = await AtomicFile.create(file);
  try {
    const header = npyHeader('<f4', [a.rows, b.rows]);
    await target.append(header);
    const write = (row: number, column: number, scores: Float32Array): Promise<void> =>
      target.patch(bytesOf(scores), header.length + 4 * (row * b.rows + column));
    // One tile is made while another is written.
    for await (const { row, column, scores } of readAhead(tiles(a, b, options))) {
      if (scores.columns === b.rows) await write(row, column, scores.data);
      else for (let own = 0; own < scores.rows; own++) await write(row + own, column, rowOf(scores, own));
    }
  } catch (error) {
    await target.discard();
    throw error;
  }
  await publishAll([target]);
}

/**
 * Writes the matrix of scores as .npy (float32), .csv, or a heat map as .png. But for the latter it is never in memory
 * as a whole. Throws OUTPUT_FAILED, and what {@link scoreMatrix} throws.
 */
export async function saveScores(
  a: RowSource,
  b: RowSource,
  target: { readonly file: string; readonly format: 'npy' | 'csv' | 'png'; readonly names: MatrixNames },
  options: MatrixOptions,
): Promise<void> {
  const { file, format, names } = target;
  if (format === 'png') {
    await writeFileAtomic(file, heatMapPng(await scoreMatrix(a, b, options), names));
  } else if (format === 'csv') {
    await writePiecesAtomic(file, csvLines(a, b, names, options));
  } else {
    await saveNpy(file, a, b, options);
  }
}
