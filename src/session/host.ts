/** A typed array with its shape: what goes into and comes out of a graph. */
export interface HostTensor {
  readonly type: 'float32' | 'float16' | 'uint8' | 'int64' | 'int32';
  readonly data: Float32Array | Uint16Array | Uint8Array | BigInt64Array | Int32Array;
  readonly dims: readonly number[];
}

export interface SessionOptions {
  readonly device: 'cpu' | { readonly cuda: number };
  /** Intra-op threads of the encoder. */
  readonly threads: number;
  /** Let idle encoder threads spin: faster alone, slower beside decode threads. */
  readonly spinning: boolean;
}

/** Runs one ONNX graph off the event loop. */
export interface SessionHost {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the graph. Buffers of `feeds` are transferred where the host runs in another thread: they come back
   * detached unless returned in `returned`.
   */
  run(feeds: Readonly<Record<string, HostTensor>>, outputs: readonly string[]): Promise<SessionResult>;
  /** Finishes the run in flight, frees the session. Safe to call twice. */
  close(): Promise<void>;
}

export interface SessionResult {
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** The input buffers, handed back for reuse. */
  readonly returned: readonly ArrayBuffer[];
  readonly milliseconds: number;
}
