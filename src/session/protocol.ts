import type { HostTensor, IdleTensor, SessionOptions } from './host.js';

/** What a session worker is started with. */
export interface WorkerStart {
  /** [BUSY, STOP]: see worker.ts. */
  readonly control: Int32Array;
}

/** 1 while native code runs: the process must not end then (ONNX Runtime aborts it). */
export const BUSY = 0;
/** 1 once no native code may start any more. */
export const STOP = 1;

export type Request =
  | { readonly type: 'open'; readonly file: string; readonly options: SessionOptions }
  | {
      readonly type: 'run';
      readonly id: number;
      readonly feeds: Readonly<Record<string, HostTensor>>;
      readonly outputs: readonly string[];
      readonly fixedBatch: number | null;
      readonly neverAlone: boolean;
      readonly idle: readonly IdleTensor[];
    }
  | { readonly type: 'close' };

export type Reply =
  | {
      readonly type: 'ready';
      readonly inputNames: readonly string[];
      readonly outputNames: readonly string[];
    }
  | { readonly type: 'failed'; readonly message: string }
  | {
      readonly type: 'result';
      readonly id: number;
      readonly outputs: Readonly<Record<string, HostTensor>>;
      readonly returned: readonly ArrayBuffer[];
      readonly milliseconds: number;
    }
  | {
      readonly type: 'error';
      readonly id: number;
      readonly message: string;
      readonly returned: readonly ArrayBuffer[];
    };
