import type { ErrorCode } from '../errors.js';

/** An input that did not become a row. */
export interface Failure {
  /** Position in what was passed in. */
  readonly index: number;
  /** Path, or a short name for bytes and texts. */
  readonly input: string;
  readonly stage: 'read' | 'decode' | 'tokenize' | 'encode';
  readonly code: ErrorCode;
  readonly message: string;
}

/** Something about an input that the user should know, although it became a row. */
export interface Notice {
  readonly index: number;
  readonly input: string;
  readonly message: string;
}

/** Rows of one space, in the order of the inputs that have one. */
export interface RowBatch {
  /** rows x dim numbers, row after row (rows x vectors x dim for multi-vector models). */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
  /** Vectors per row; 1 unless the model is multi-vector (BLIP-2: 32 queries). */
  readonly vectors: number;
  /** Row -> position of its input in what was passed in. */
  readonly indices: readonly number[];
  /** Inputs that have no row, and why. */
  readonly failures: readonly Failure[];
  /** What the user should know of inputs that do have a row (truncated texts, mended images). */
  readonly notices: readonly Notice[];
}

/** Seconds in which each stage was at work (stages overlap, so they add up to more than the run). */
export interface StageSeconds {
  read: number;
  preprocess: number;
  tokenize: number;
  encode: number;
  write: number;
}

/** An item with its position in the source. */
export interface Indexed<T> {
  readonly index: number;
  readonly item: T;
}
