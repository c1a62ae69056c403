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

/** rows * dim elements from byte `offset` of a file on. */
export interface NativeRowFile {
  readonly path: string;
  readonly offset: number;
  readonly type: NativeRows['type'];
  readonly rows: number;
  readonly dim: number;
  readonly blockBytes: number;
}

declare const corpusBrand: unique symbol;
/** A prepared corpus in the addon's memory (an External). Immutable; freed with its last user. */
export interface NativeCorpus {
  readonly [corpusBrand]: true;
}

declare const searchBrand: unique symbol;
/** A search through rows that come in blocks (an External). Used by one call at a time; over once one has failed. */
export interface NativeSearch {
  readonly [searchBrand]: true;
}

/** Pairs of rows: element i of all four arrays belongs together. */
export interface NativePairs {
  readonly queries: Int32Array;
  readonly rows: Int32Array;
  readonly scores: Float32Array;
  /** What orders the pairs of a query, down: two scores may be one float and yet differ. */
  readonly keys: Float64Array;
}

/** From rows into `out`. */
export type RowOperation<Out> = (
  rows: NativeRows,
  out: Out,
  options: NativeSimilarityOptions,
  cancel: Int32Array | null,
) => Promise<void>;

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
  /**
   * out: a.rows / vectors * b.rows logits, or what the activation makes of them; `vectors` rows of a belong together,
   * and the largest score of them counts.
   */
  similarityLogits(
    a: NativeRows,
    b: NativeRows,
    out: Float32Array,
    logits: {
      readonly scale: number;
      readonly bias: number;
      readonly activation: 'none' | 'softmax' | 'sigmoid';
      readonly vectors: number;
    },
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
  /**
   * `bytes` (at least one) of a file from `offset` on, mapped: nothing is read until it is needed, and writing changes
   * the memory alone. The file must not become shorter.
   */
  mapFile(path: string, offset: number, bytes: number): ArrayBuffer;
  /**
   * indices, scores: queries.rows * k; 1 <= k <= rows.rows. `progress[0]` grows by the scores decided so far, to
   * queries times rows.
   */
  similarityTopK(
    queries: NativeRows,
    rows: NativeRows,
    k: number,
    indices: Int32Array,
    scores: Float32Array,
    progress: Float64Array,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
  /**
   * The same over rows in a file, in blocks of about blockBytes. `progress[0]` is the number of rows searched so far.
   */
  similarityTopKFile(
    queries: NativeRows,
    file: NativeRowFile,
    k: number,
    indices: Int32Array,
    scores: Float32Array,
    progress: Int32Array,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
  /**
   * Begins a top-k over blocks of rows. Every later call takes the same queries. The centre of int8 codes is that of
   * `sample`.
   */
  blockSearchStart(
    queries: NativeRows,
    sample: NativeRows,
    k: number,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<NativeSearch>;
  /** The rows behind those that came before. `progress[0]` grows by the scores decided. */
  blockSearchRows(
    search: NativeSearch,
    queries: NativeRows,
    rows: NativeRows,
    progress: Float64Array,
    cancel: Int32Array | null,
  ): Promise<void>;
  /** indices, scores: queries.rows * k. Ends the search. Fails when fewer than k rows came. */
  blockSearchFinish(
    search: NativeSearch,
    queries: NativeRows,
    indices: Int32Array,
    scores: Float32Array,
    cancel: Int32Array | null,
  ): Promise<void>;
  /** Orders each query's candidates (as many for each) by exact score; indices and scores have as many elements. */
  similarityRank(
    queries: NativeRows,
    rows: NativeRows,
    candidates: Int32Array,
    indices: Int32Array,
    scores: Float32Array,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
  /** out: rows * dim. */
  readonly normaliseRows: RowOperation<Float32Array>;
  /** out: rows. */
  readonly rowNorms: RowOperation<Float64Array>;
  /** out: dim. The mean of the unit rows for cosine, of the rows for dot. */
  readonly meanRow: RowOperation<Float64Array>;
  /** A corpus with these rows behind those of `corpus`, which stays as it is. */
  corpusAppend(
    corpus: NativeCorpus | null,
    rows: NativeRows,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<NativeCorpus>;
  /** Maps a saved corpus. */
  corpusOpen(path: string): NativeCorpus;
  /** `parts`: what was appended, in order; null for the one part of an opened corpus. */
  corpusSave(
    corpus: NativeCorpus,
    parts: readonly (NativeRows | null)[],
    path: string,
    cancel: Int32Array | null,
  ): Promise<void>;
  corpusInfo(corpus: NativeCorpus): {
    readonly rows: number;
    readonly dim: number;
    readonly metric: 'cosine' | 'dot';
    readonly bytes: number;
  };
  corpusTopK(
    queries: NativeRows,
    corpus: NativeCorpus,
    parts: readonly (NativeRows | null)[],
    k: number,
    indices: Int32Array,
    scores: Float32Array,
    progress: Float64Array,
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<void>;
  /**
   * Every pair of a query `first` .. `first + count - 1` and a row that reaches the threshold; by query, then key
   * down, then row up. `queries` as a number is that part of the corpus itself: each pair once, row > query. More
   * than `limit` pairs are an error.
   */
  corpusRange(
    queries: NativeRows | number,
    corpus: NativeCorpus,
    parts: readonly (NativeRows | null)[],
    range: {
      readonly first: number;
      readonly count: number;
      readonly threshold: number;
      readonly limit: number;
    },
    options: NativeSimilarityOptions,
    cancel: Int32Array | null,
  ): Promise<NativePairs>;
}
