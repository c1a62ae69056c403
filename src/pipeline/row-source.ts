import { elementBytes, readRowBlocks, type EmbeddingSet } from '../output/embedding-set.js';
import type { RowBlocks } from '../similarity/blocks.js';
import type { AnyRows } from '../similarity/rows.js';
import { readAhead } from './read-ahead.js';

/** Embeddings to compare: in memory, or block after block from disk. */
export interface RowSource extends RowBlocks {
  /** All of them, where they are in memory. */
  readonly whole: AnyRows | null;
}

/** Bytes of a set that is kept in memory; a larger one is read in blocks. */
const WHOLE_BYTES = 256 << 20;
/** Bytes of a block: the work on it is seconds, reading it is a fraction of one. */
const BLOCK_BYTES = 64 << 20;

/** Rows that are in memory, which blocks are views of. */
export function rowsInMemory(whole: AnyRows, blockBytes = BLOCK_BYTES): RowSource {
  const { data, rows, dim } = whole;
  const step = Math.max(1, Math.floor(blockBytes / (dim * data.BYTES_PER_ELEMENT)));
  function* blocks(): Generator<AnyRows> {
    for (let first = 0; first < rows; first += step) {
      const count = Math.min(step, rows - first);
      yield { ...whole, data: data.subarray(first * dim, (first + count) * dim), rows: count };
    }
  }
  return { rows, dim, whole, blocks: () => toAsync(blocks()) };
}

// eslint-disable-next-line @typescript-eslint/require-await -- what is in memory is there at once
async function* toAsync<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items;
}

/**
 * Embeddings on disk: read now where they are few, else in blocks, each while the one before is in use. Throws as
 * `readEmbeddings` does.
 */
export async function openRows(
  set: EmbeddingSet,
  wholeBytes = WHOLE_BYTES,
  blockBytes = BLOCK_BYTES,
): Promise<RowSource> {
  const { rows, dim } = set;
  const rowBytes = dim * elementBytes(set);
  if (rows * rowBytes <= wholeBytes) {
    for await (const whole of readRowBlocks(set, Math.max(1, rows))) return rowsInMemory(whole, blockBytes);
    return rowsInMemory({ data: new Float32Array(0), rows: 0, dim });
  }
  const step = Math.max(1, Math.floor(blockBytes / rowBytes));
  return { rows, dim, whole: null, blocks: () => readAhead(readRowBlocks(set, step)) };
}
