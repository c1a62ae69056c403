import { writeFileAtomic, writePiecesAtomic } from '../output/atomic.js';
import { csvCell } from '../output/csv.js';
import { heatMapPng } from '../output/heat-map.js';
import type { Matches, MatrixNames } from '../output/match-file.js';
import { npyHeader } from '../output/npy.js';
import { cosineSimilarity } from '../similarity/cosine.js';
import { topKFile, type TopKFileOptions } from '../similarity/file.js';
import { rangeSearch } from '../similarity/range.js';
import type { Matrix, Rows } from '../similarity/rows.js';
import { topK, type Hits, type TopKOptions } from '../similarity/topk.js';

export function scoreMatrix(a: Rows, b: Rows, options: TopKOptions): Promise<Matrix> {
  return cosineSimilarity(a, b, options);
}

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

/** As {@link bestMatches} with `top`, over the rows of a .npy file that need not fit into memory. */
export async function bestMatchesInFile(
  a: Rows,
  file: string,
  options: TopKFileOptions & { readonly top: number; readonly threshold: number | null },
): Promise<Matches> {
  const { top, threshold, ...rest } = options;
  return matchesOf(await topKFile(a, file, top, rest), threshold ?? -Infinity);
}

/** The rows of B for each row of A: the `top` best, and of those what reaches the threshold. */
export async function bestMatches(
  a: Rows,
  b: Rows,
  options: TopKOptions & { readonly top: number | null; readonly threshold: number | null },
): Promise<Matches> {
  const { top, threshold, ...rest } = options;
  const least = threshold ?? -Infinity;
  if (top !== null) return matchesOf(await topK(a, b, top, rest), least);
  const { queries, rows: indices, scores } = await rangeSearch(a, b, least, rest);
  const starts = new Float64Array(a.rows + 1);
  for (const query of queries) starts[query + 1] = (starts[query + 1] ?? 0) + 1;
  for (let row = 0; row < a.rows; row++) starts[row + 1] = (starts[row + 1] ?? 0) + (starts[row] ?? 0);
  return { rows: a.rows, starts, indices, scores };
}

function* csvLines(matrix: Matrix, names: MatrixNames): Generator<string> {
  const named = names.rows !== null || names.columns !== null;
  if (named) {
    const columns = names.columns ?? Array.from({ length: matrix.columns }, (_, column) => String(column));
    yield `${['', ...columns].map(csvCell).join(',')}\n`;
  }
  for (let row = 0; row < matrix.rows; row++) {
    const scores = Array.from(matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns), String);
    yield `${(named ? [csvCell(names.rows?.[row] ?? String(row)), ...scores] : scores).join(',')}\n`;
  }
}

/** Writes a matrix of scores as .npy (float32), .csv, or a heat map as .png. Throws OUTPUT_FAILED. */
export async function saveMatrix(
  matrix: Matrix,
  file: string,
  format: 'npy' | 'csv' | 'png',
  names: MatrixNames,
): Promise<void> {
  if (format === 'csv') {
    await writePiecesAtomic(file, csvLines(matrix, names));
  } else if (format === 'png') {
    await writeFileAtomic(file, heatMapPng(matrix, names));
  } else {
    const { buffer, byteOffset, byteLength } = matrix.data;
    await writePiecesAtomic(file, [
      npyHeader('<f4', [matrix.rows, matrix.columns]),
      new Uint8Array(buffer, byteOffset, byteLength),
    ]);
  }
}
