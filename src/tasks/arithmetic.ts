import { DiptychError } from '../errors.js';
import { normalizeRows } from '../pipeline/rows.js';
import { checkFeatures, checkSameDim, takeRows, type Features } from './features.js';

/** Sums with directions in the space of embeddings. Vectors are Features of one row. */

/** The mean of rows at unit length, at unit length again: one row. */
export function meanDirection(features: Features): Features {
  const { data, rows, dim } = checkFeatures(features, 'features');
  const unit = Float32Array.from(data);
  normalizeRows(unit, dim);
  const sums = new Float64Array(dim);
  unit.forEach((value, at) => {
    sums[at % dim] = (sums[at % dim] ?? 0) + value / rows;
  });
  const mean = Float32Array.from(sums);
  normalizeRows(mean, dim);
  return { data: mean, rows: 1, dim };
}

/**
 * The way from one set of prompts to another, as StyleCLIP takes it: mean of the targets less mean of the sources, at
 * unit length. Throws BAD_INPUT where both means are the same.
 */
export function direction(from: Features, to: Features): Features {
  const source = meanDirection(from);
  const target = meanDirection(to);
  checkSameDim(source, target, ['from', 'to']);
  const data = target.data.map((value, i) => value - (source.data[i] ?? 0));
  if (data.every((value) => value === 0))
    throw new DiptychError('BAD_INPUT', 'both sets have the same mean: there is no direction', {
      input: 'to',
    });
  normalizeRows(data, source.dim);
  return { data, rows: 1, dim: source.dim };
}

/** Every row at unit length plus `amount` times the direction, at unit length again. */
export function moveAlong(features: Features, along: Features, amount: number): Features {
  const { data, rows, dim } = checkFeatures(features, 'features', 0);
  const step = checkFeatures(along, 'along');
  checkSameDim(step, { data, rows, dim }, ['along', 'features']);
  const moved = Float32Array.from(data);
  normalizeRows(moved, dim);
  for (let i = 0; i < moved.length; i++) moved[i] = (moved[i] ?? 0) + amount * (step.data[i % dim] ?? 0);
  normalizeRows(moved, dim);
  return { data: moved, rows, dim };
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/**
 * Directional similarity of an edit (StyleCLIP, StyleGAN-NADA): the cosine of image change and text change, row by row.
 */
export function directionalSimilarity(
  images: { readonly before: Features; readonly after: Features },
  texts: { readonly before: Features; readonly after: Features },
): Float32Array {
  const all = [images.before, images.after, texts.before, texts.after].map((rows, at) =>
    checkFeatures(rows, ['images.before', 'images.after', 'texts.before', 'texts.after'][at] ?? 'rows'),
  );
  const [a, b, c, d] = all;
  if (a === undefined || b === undefined || c === undefined || d === undefined) return new Float32Array();
  for (const other of [b, c, d]) {
    checkSameDim(a, other, ['images.before', 'the others']);
    if (other.rows !== a.rows)
      throw new DiptychError('DIMENSION_MISMATCH', 'all four need the same number of rows', {
        input: 'texts',
      });
  }
  const change = (from: Features, to: Features, row: number): Float32Array => {
    const [x, y] = [from, to].map((rows) => {
      const line = rows.data.slice(row * rows.dim, (row + 1) * rows.dim);
      normalizeRows(line, rows.dim);
      return line;
    });
    return Float32Array.from(y ?? [], (value, i) => value - (x?.[i] ?? 0));
  };
  return Float32Array.from({ length: a.rows }, (_, row) => cosine(change(a, b, row), change(c, d, row)));
}

/** Rows that belong together (crops, frames, tiles of one image) as their mean direction; `groupOf[r]` is r's group. */
export function groupMeans(features: Features, groupOf: readonly number[]): Features {
  const checked = checkFeatures(features, 'features');
  if (groupOf.length !== checked.rows)
    throw new DiptychError('DIMENSION_MISMATCH', 'expected a group for each row', { input: 'groupOf' });
  const members: number[][] = [];
  groupOf.forEach((group, row) => {
    if (!Number.isSafeInteger(group) || group < 0 || group > checked.rows)
      throw new DiptychError('BAD_INPUT', `row ${String(row)}: no such group ${String(group)}`, {
        input: 'groupOf',
      });
    (members[group] ??= []).push(row);
  });
  const data = new Float32Array(members.length * checked.dim);
  Array.from(members.keys()).forEach((group) => {
    const rows = members[group];
    if (rows === undefined)
      throw new DiptychError('BAD_INPUT', `group ${String(group)} has no row`, { input: 'groupOf' });
    data.set(meanDirection(takeRows(checked, rows)).data, group * checked.dim);
  });
  return { data, rows: members.length, dim: checked.dim };
}

export interface Ranked {
  /** Row of the candidates. */
  readonly index: number;
  readonly cosine: number;
  /** Softmax of scale * cosine over all candidates. */
  readonly probability: number;
}

/** Candidates for one query (texts for an image, images for a text), the best first; the lower index on ties. */
export function rankCandidates(query: Features, candidates: Features, logitScale = 100): Ranked[] {
  const one = checkFeatures(query, 'query');
  const all = checkFeatures(candidates, 'candidates');
  checkSameDim(one, all, ['query', 'candidates']);
  if (one.rows !== 1) throw new DiptychError('BAD_INPUT', 'expected one row', { input: 'query' });
  const cosines = Array.from({ length: all.rows }, (_, row) =>
    cosine(one.data, all.data.subarray(row * all.dim, (row + 1) * all.dim)),
  );
  const most = Math.max(...cosines);
  const powers = cosines.map((value) => Math.exp(logitScale * (value - most)));
  const sum = powers.reduce((a, b) => a + b, 0);
  return cosines
    .map((value, index) => ({ index, cosine: value, probability: (powers[index] ?? 0) / sum }))
    .sort((a, b) => b.cosine - a.cosine);
}

/**
 * Cosine of every patch with a text, as a heat map of rows x columns patches (OWL-ViT's use of patch tokens). `patches`
 * are in reading order.
 */
export function patchHeatMap(
  patches: Features,
  text: Features,
  grid: { readonly rows: number; readonly columns: number },
): { readonly data: Float32Array; readonly rows: number; readonly columns: number } {
  const tokens = checkFeatures(patches, 'patches');
  const query = checkFeatures(text, 'text');
  checkSameDim(query, tokens, ['text', 'patches']);
  if (grid.rows * grid.columns !== tokens.rows) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `a grid of ${String(grid.rows)} x ${String(grid.columns)} does not hold ${String(tokens.rows)} patches`,
      { input: 'grid' },
    );
  }
  const data = Float32Array.from({ length: tokens.rows }, (_, at) =>
    cosine(tokens.data.subarray(at * tokens.dim, (at + 1) * tokens.dim), query.data.subarray(0, query.dim)),
  );
  return { data, rows: grid.rows, columns: grid.columns };
}
