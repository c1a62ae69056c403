/** Row-major rows over a typed array of exactly rows * dim elements (Uint16Array for the 16-bit types). */
export interface NativeRows {
  readonly data: Float32Array | Uint16Array | Int8Array;
  readonly type: 'float32' | 'float16' | 'bfloat16' | 'int8';
  readonly rows: number;
  readonly dim: number;
}

export interface NativeSimilarityOptions {
  readonly metric: 'cosine' | 'dot';
  readonly precision: 'exact' | 'fp32' | 'bf16' | 'int8';
  /** 1 to 256. */
  readonly threads: number;
}

/**
 * All of it runs on the addon's own threads. `cancel` is an Int32Array of one element; set it to 1 to stop within
 * milliseconds (the promise is then rejected with code ABORTED). Nothing may write to the arrays meanwhile.
 */
export interface SimilarityBinding {
  /** out[i * b.rows + j] = score of a's row i and b's row j. */
  similarityDense(
    a: NativeRows,
    b: NativeRows,
    out: Float32Array,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
  /** indices, scores: queries.rows * k; 1 <= k <= rows.rows. */
  similarityTopK(
    queries: NativeRows,
    rows: NativeRows,
    k: number,
    indices: Int32Array,
    scores: Float32Array,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
}
