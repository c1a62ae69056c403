import { DiptychError } from '../errors.js';
import { checkLabels } from './features.js';
import { mersenne } from './mersenne.js';

/**
 * At most `perCluster` rows of each cluster, drawn with a seed: a sample in which rare things are not drowned by
 * frequent ones. Gives positions of rows, ascending. Throws BAD_INPUT, BAD_OPTION.
 */
export function balancedSample(labels: ArrayLike<number>, perCluster: number, seed = 0): number[] {
  if (!Number.isSafeInteger(perCluster) || perCluster < 1) {
    throw new DiptychError('BAD_OPTION', `expected a positive whole number, got ${String(perCluster)}`, {
      input: 'perCluster',
    });
  }
  const clusters = new Map<number, number[]>();
  checkLabels(labels, labels.length, null).forEach((label, row) => {
    const rows = clusters.get(label);
    if (rows === undefined) clusters.set(label, [row]);
    else rows.push(row);
  });
  const random = mersenne(seed);
  return [...clusters]
    .sort(([a], [b]) => a - b)
    .flatMap(([, rows]) => {
      const wanted = Math.min(perCluster, rows.length);
      for (let at = 0; at < wanted && wanted < rows.length; at++) {
        const other = at + Math.floor(random() * (rows.length - at));
        [rows[at], rows[other]] = [rows[other] ?? 0, rows[at] ?? 0];
      }
      return rows.slice(0, wanted);
    })
    .sort((a, b) => a - b);
}
