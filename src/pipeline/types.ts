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

/** Rows of one batch, in the order of the inputs they came from. */
export interface RowBatch {
  /** rows x vectors x dim numbers. */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
  /** Vectors per row: 1, but 32 for BLIP-2's queries. */
  readonly vectors: number;
  /** Row -> position of its input in the source. */
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

/** Seconds spent per stage, summed over all batches (stages overlap, so they add up to more than the run). */
export interface StageSeconds {
  preprocess: number;
  tokenize: number;
  encode: number;
}

/** An item with its position in the source. */
export interface Indexed<T> {
  readonly index: number;
  readonly item: T;
}
