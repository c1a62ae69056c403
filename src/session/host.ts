/** A typed array with its shape: what goes into and comes out of a graph. */
export interface HostTensor {
  readonly type: 'float32' | 'float16' | 'uint8' | 'int64' | 'int32' | 'bool';
  /** A bool is one byte, 0 or 1. */
  readonly data: Float32Array | Uint16Array | Uint8Array | BigInt64Array | Int32Array;
  readonly dims: readonly number[];
}

/** An input that the graph demands though the run does not use it: it is fed zeros; `batch` is the run's rows. */
export interface IdleTensor {
  readonly name: string;
  readonly type: HostTensor['type'] | 'bool';
  readonly dims: readonly (number | 'batch')[];
}

/** Where a session runs: ONNX Runtime's CPU provider, or one CUDA device. */
export type SessionDevice = 'cpu' | { readonly cuda: number };

export interface SessionOptions {
  readonly device: SessionDevice;
  /** Intra-op threads of the encoder. */
  readonly threads: number;
  /** Let idle encoder threads spin: faster alone, slower beside decode threads. */
  readonly spinning: boolean;
}

export interface RunOptions {
  /** Names of the outputs wanted. */
  readonly outputs: readonly string[];
  /** Batch size that the graph was exported with: the run is split (and its tail padded) to fit. */
  readonly fixedBatch?: number | null;
  /**
   * On the CPU a batch of one row goes through other kernels than the rest, with other roundings: give it company, so
   * that a row's bits do not depend on how the rows were batched.
   */
  readonly neverAlone?: boolean;
  /** Inputs of a combined graph's other tower. */
  readonly idle?: readonly IdleTensor[];
}

export interface SessionResult {
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** The input buffers, handed back for reuse. */
  readonly returned: readonly ArrayBuffer[];
  /** Time inside the encoder. */
  readonly milliseconds: number;
}

/** Runs one ONNX graph off the event loop. */
export interface SessionHost {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the graph on `feeds`, whose buffers are transferred: they are detached here until they come back in
   * `returned`. Throws SESSION_FAILED, or CLOSED after {@link close}.
   */
  run(feeds: Readonly<Record<string, HostTensor>>, options: RunOptions): Promise<SessionResult>;
  /** Finishes the run in flight, then frees the session. Safe to call twice. */
  close(): Promise<void>;
}
