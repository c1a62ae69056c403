/** What the addon does for training: see native/bind/training.cpp. Every call works on the addon's own threads. */
export interface TrainingBinding {
  /**
   * out[rows x columns] = a * b in float32, a being rows x depth (or depth x rows, when transposed) and b depth x
   * columns (or columns x depth).
   */
  matmul(
    a: Float32Array,
    aTransposed: boolean,
    b: Float32Array,
    bTransposed: boolean,
    rows: number,
    columns: number,
    depth: number,
    out: Float32Array,
    threads: number,
  ): Promise<void>;
  /** Sum of cross-entropies of softmax(W x + b); weights and gradient are classes x (dim + 1), intercept last. */
  logisticLoss(
    rows: Float32Array,
    dim: number,
    labels: Int32Array,
    classes: number,
    weights: Float64Array,
    gradient: Float64Array,
    threads: number,
    cancel: Int32Array | null,
  ): Promise<number>;
  /**
   * softmax: CLIP's loss, sigmoid: SigLIP's. Gradients (count x dim) are written where they are given. A second element
   * of `cancel` counts steps done.
   */
  contrastiveLoss(
    kind: 'softmax' | 'sigmoid',
    images: Float32Array,
    texts: Float32Array,
    count: number,
    dim: number,
    scale: number,
    bias: number,
    imageGradient: Float32Array | null,
    textGradient: Float32Array | null,
    threads: number,
    cancel: Int32Array | null,
  ): Promise<NativeContrast>;
  /** How many steps contrastiveLoss counts. */
  contrastiveSteps(kind: 'softmax' | 'sigmoid', count: number, gradients: boolean): number;
  /**
   * Writes each row's nearest centroid (lower index on ties) and its squared distance. bf16: products of 8 bits, so a
   * row may get a centroid that is farther by up to 2^-6 of the product of their lengths.
   */
  nearestCentroids(
    rows: Float32Array,
    dim: number,
    centroids: Float32Array,
    labels: Int32Array,
    distances: Float32Array,
    precision: 'exact' | 'bf16',
    threads: number,
    cancel: Int32Array | null,
  ): Promise<void>;
  /** Whether this machine multiplies bfloat16 much faster than float32 (AMX, AVX-512 BF16). */
  bf16IsFast(): boolean;
  /** Adds each row to the sum of its label. */
  sumByLabel(
    rows: Float32Array,
    dim: number,
    labels: Int32Array,
    sums: Float64Array,
    threads: number,
    cancel: Int32Array | null,
  ): Promise<void>;
}

export interface NativeContrast {
  readonly loss: number;
  readonly imageLoss: number;
  readonly textLoss: number;
  readonly scaleGradient: number;
  readonly biasGradient: number;
}
