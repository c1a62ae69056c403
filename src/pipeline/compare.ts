import { AtomicFile, publishAll, writeFileAtomic } from '../output/atomic.js';
import { heatMapPng } from '../output/heat-map.js';
import { npyHeader } from '../output/npy.js';
import { cosineSimilarity } from '../similarity/cosine.js';
import { topKFile, type TopKFileOptions } from '../similarity/file.js';
import { rangeSearch } from '../similarity/range.js';
import type { Matrix, Rows } from '../similarity/rows.js';
import { topK, type Hits, type TopKOptions } from '../similarity/topk.js';

/** A row of B that a row of A was matched with. */
export interface Match {
  readonly index: number;
  readonly score: number;
}

export function scoreMatrix(a: Rows, b: Rows, options: TopKOptions): Promise<Matrix> {
  return cosineSimilarity(a, b, options);
}

/** Hits as lists, without what is below `least`. */
function matchesOf(hits: Hits, least: number): Match[][] {
  return Array.from({ length: hits.rows }, (_, row) =>
    Array.from({ length: hits.k }, (__, rank) => ({
      index: hits.indices[row * hits.k + rank] ?? 0,
      score: hits.scores[row * hits.k + rank] ?? 0,
    })).filter(({ score }) => score >= least),
  );
}

/** As {@link bestMatches} with `top`, over the rows of a .npy file that need not fit into memory. */
export async function bestMatchesInFile(
  a: Rows,
  file: string,
  options: TopKFileOptions & { readonly top: number; readonly threshold: number | null },
): Promise<Match[][]> {
  const { top, threshold, ...rest } = options;
  return matchesOf(await topKFile(a, file, top, rest), threshold ?? -Infinity);
}

/** The rows of B for each row of A: the `top` best, and of those what reaches the threshold. */
export async function bestMatches(
  a: Rows,
  b: Rows,
  options: TopKOptions & { readonly top: number | null; readonly threshold: number | null },
): Promise<Match[][]> {
  const { top, threshold, ...rest } = options;
  const least = threshold ?? -Infinity;
  if (top !== null) {
    return matchesOf(await topK(a, b, top, rest), least);
  }
  const matches: Match[][] = Array.from({ length: a.rows }, () => []);
  const pairs = await rangeSearch(a, b, least, rest);
  pairs.queries.forEach((query, at) => {
    matches[query]?.push({ index: pairs.rows[at] ?? 0, score: pairs.scores[at] ?? 0 });
  });
  return matches;
}

export interface MatrixNames {
  readonly rows: readonly string[] | null;
  readonly columns: readonly string[] | null;
}

const csvCell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function csvText(matrix: Matrix, names: MatrixNames): string {
  const lines: string[] = [];
  const named = names.rows !== null || names.columns !== null;
  if (named) {
    const columns = names.columns ?? Array.from({ length: matrix.columns }, (_, column) => String(column));
    lines.push(['', ...columns].map(csvCell).join(','));
  }
  for (let row = 0; row < matrix.rows; row++) {
    const scores = Array.from(matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns), String);
    lines.push((named ? [csvCell(names.rows?.[row] ?? String(row)), ...scores] : scores).join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** Writes a matrix of scores as .npy (float32), .csv, or a heat map as .png. Throws OUTPUT_FAILED. */
export async function saveMatrix(
  matrix: Matrix,
  file: string,
  format: 'npy' | 'csv' | 'png',
  names: MatrixNames,
): Promise<void> {
  if (format === 'csv') {
    await writeFileAtomic(file, csvText(matrix, names));
  } else if (format === 'png') {
    await writeFileAtomic(file, heatMapPng(matrix, names));
  } else {
    const target = await AtomicFile.create(file);
    await target.append(npyHeader('<f4', [matrix.rows, matrix.columns]));
    const { buffer, byteOffset, byteLength } = matrix.data;
    await target.append(new Uint8Array(buffer, byteOffset, byteLength));
    await publishAll([target]);
  }
}
