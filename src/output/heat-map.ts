import { Canvas, textHeight, textWidth } from './canvas.js';
import { mapColor, wantsDarkText, type Color } from './color-map.js';

/** Row-major scores: element (i, j) is `data[i * columns + j]`. */
interface Scores {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

const WHITE: Color = [255, 255, 255];
const INK: Color = [34, 34, 34];
const SCALE = 2;
const MARGIN = 16;
const GAP = 8;
const LABEL_LENGTH = 28;
/** Sides of a cell in pixels: large enough for its score, down to one pixel. */
const CELL = { width: 72, height: 34 } as const;
/** The matrix itself is never drawn larger than this; beyond it, cells are averaged. */
const MOST_PIXELS = 1600;
/** Below this a line of labels would overlap the next. */
const LEAST_LABELLED = textHeight(SCALE) + 6;

interface Geometry {
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  readonly left: number;
  readonly top: number;
}

/** Averages blocks of cells until both sides fit. */
function shrink(matrix: Scores): Scores {
  const block = Math.ceil(Math.max(matrix.rows, matrix.columns) / MOST_PIXELS);
  if (block <= 1) return matrix;
  const rows = Math.ceil(matrix.rows / block);
  const columns = Math.ceil(matrix.columns / block);
  const sums = new Float64Array(rows * columns);
  const counts = new Uint32Array(rows * columns);
  for (let row = 0; row < matrix.rows; row++) {
    for (let column = 0; column < matrix.columns; column++) {
      const at = Math.floor(row / block) * columns + Math.floor(column / block);
      sums[at] = (sums[at] ?? 0) + (matrix.data[row * matrix.columns + column] ?? 0);
      counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return { data: Float32Array.from(sums, (sum, at) => sum / (counts[at] ?? 1)), rows, columns };
}

/** The end of a path says more than its beginning; the beginning of a sentence more than its end. */
function label(name: string): string {
  const text = /[/\\]/.test(name) && !/\s/.test(name) ? (name.split(/[/\\]/).at(-1) ?? name) : name;
  return text.length <= LABEL_LENGTH ? text : `${text.slice(0, LABEL_LENGTH - 2)}..`;
}

const widest = (labels: readonly string[]): number =>
  labels.reduce((width, text) => Math.max(width, textWidth(text, SCALE)), 0);

function layOut(matrix: Scores, names: Names): Geometry {
  const fit = (cells: number, side: number): number =>
    Math.max(1, Math.min(side, Math.floor(MOST_PIXELS / cells)));
  let cellWidth = fit(matrix.columns, CELL.width);
  let cellHeight = fit(matrix.rows, CELL.height);
  if (cellWidth < LEAST_LABELLED || cellHeight < LEAST_LABELLED) {
    const side = Math.min(cellWidth, cellHeight);
    [cellWidth, cellHeight] = [side, side];
  }
  const labelled = (side: number, given: readonly string[] | null, count: number): readonly string[] =>
    side >= LEAST_LABELLED && given?.length === count ? given.map(label) : [];
  const rowLabels = labelled(cellHeight, names.rows, matrix.rows);
  const columnLabels = labelled(cellWidth, names.columns, matrix.columns);
  return {
    cellWidth,
    cellHeight,
    rowLabels,
    columnLabels,
    left: MARGIN + (rowLabels.length > 0 ? widest(rowLabels) + GAP : 0),
    top: MARGIN + (columnLabels.length > 0 ? widest(columnLabels) + GAP : 0),
  };
}

function range(data: Float32Array): { least: number; most: number } {
  let [least, most] = [Infinity, -Infinity];
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return least <= most ? { least, most } : { least: 0, most: 0 };
}

export interface Names {
  readonly rows: readonly string[] | null;
  readonly columns: readonly string[] | null;
}

/**
 * A heat map of scores as a PNG: dark for low, pale for high, with a scale beside it; names and scores are written
 * where the cells are large enough.
 */
export function heatMapPng(given: Scores, names: Names): Uint8Array {
  const matrix = shrink(given);
  const { least, most } = range(matrix.data);
  const { cellWidth, cellHeight, rowLabels, columnLabels, left, top } = layOut(matrix, names);
  const scaleLabels = [most.toFixed(3), least.toFixed(3)];
  const scaleLeft = left + matrix.columns * cellWidth + 2 * GAP;
  const width = scaleLeft + CELL.height / 2 + GAP + widest(scaleLabels) + MARGIN;
  const mapHeight = Math.max(matrix.rows * cellHeight, 4 * textHeight(SCALE));
  const canvas = new Canvas(width, top + mapHeight + MARGIN, WHITE);
  const position = (value: number): number => (most > least ? (value - least) / (most - least) : 0.5);

  rowLabels.forEach((text, row) => {
    const y = top + row * cellHeight + Math.floor((cellHeight - textHeight(SCALE)) / 2);
    canvas.text(left - GAP - textWidth(text, SCALE), y, text, INK, SCALE);
  });
  columnLabels.forEach((text, column) => {
    const x = left + column * cellWidth + Math.floor((cellWidth - textHeight(SCALE)) / 2);
    canvas.textUpwards(x, top - GAP, text, INK, SCALE);
  });
  const written = cellWidth >= CELL.width && cellHeight >= textHeight(SCALE) + 4;
  for (let row = 0; row < matrix.rows; row++) {
    for (let column = 0; column < matrix.columns; column++) {
      const value = matrix.data[row * matrix.columns + column] ?? 0;
      const [x, y] = [left + column * cellWidth, top + row * cellHeight];
      canvas.fill(x, y, cellWidth, cellHeight, mapColor(position(value)));
      if (!written) continue;
      const text = value.toFixed(2);
      canvas.text(
        x + Math.floor((cellWidth - textWidth(text, SCALE)) / 2),
        y + Math.floor((cellHeight - textHeight(SCALE)) / 2),
        text,
        wantsDarkText(position(value)) ? INK : WHITE,
        SCALE,
      );
    }
  }
  for (let y = 0; y < mapHeight; y++) {
    canvas.fill(scaleLeft, top + y, CELL.height / 2, 1, mapColor(1 - y / Math.max(1, mapHeight - 1)));
  }
  const labelLeft = scaleLeft + CELL.height / 2 + GAP;
  canvas.text(labelLeft, top, scaleLabels[0] ?? '', INK, SCALE);
  canvas.text(labelLeft, top + mapHeight - textHeight(SCALE), scaleLabels[1] ?? '', INK, SCALE);
  return canvas.png();
}
