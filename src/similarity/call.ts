import { errorCodes, throwIfAborted, toDiptychError } from '../errors.js';
import type { ErrorCode, DiptychError } from '../errors.js';

/** Told of how far a call is: about ten times a second while it runs, and once at its end. */
export type OnProgress = (done: number, total: number) => void;

/** What a running call counts in `counter[0]`, from 0 to `most`, and whom to tell how much of `total` that is. */
export interface Watch {
  readonly counter: Int32Array | Float64Array;
  readonly most: number;
  readonly total: number;
  readonly onProgress: OnProgress | undefined;
}

/** Progress of work that is done in shares, each of which tells its own. */
export class Shares {
  readonly #total: number;
  readonly #shown: number;
  readonly #onProgress: OnProgress | undefined;
  #begun = 0;

  /** All shares together are `total`, which is told as `shown`. */
  constructor(total: number, shown: number, onProgress: OnProgress | undefined) {
    this.#total = total;
    this.#shown = shown;
    this.#onProgress = onProgress;
  }

  /** For the share that comes next. */
  next(share: number): OnProgress {
    const before = this.#begun;
    this.#begun += share;
    return (done, total) => {
      const part = total === 0 ? share : (done / total) * share;
      const all = this.#total === 0 ? 1 : (before + part) / this.#total;
      this.#onProgress?.(Math.floor(all * this.#shown), this.#shown);
    };
  }
}

const TELL_MS = 100;

/**
 * Runs one call of the addon under an abort signal: its flag is set when the signal fires, the listener is removed
 * when the call ends, and whatever the addon throws comes out as a DiptychError. What `onProgress` throws ends the call
 * and comes out as it is.
 */
export async function callNative<T>(
  signal: AbortSignal | undefined,
  call: (cancel: Int32Array) => Promise<T>,
  watch?: Watch,
): Promise<T> {
  throwIfAborted(signal);
  const cancel = new Int32Array(1);
  const stop = () => {
    cancel[0] = 1;
  };
  signal?.addEventListener('abort', stop, { once: true });
  const watcher = watch?.onProgress === undefined ? null : new Watcher(watch, watch.onProgress, stop);
  let result: T;
  try {
    result = await call(cancel);
  } catch (thrown) {
    throwIfAborted(signal);
    watcher?.rethrow();
    throw fromNative(thrown);
  } finally {
    watcher?.end();
    signal?.removeEventListener('abort', stop);
  }
  watcher?.rethrow();
  return result;
}

/** Looks at a counter now and then. */
class Watcher {
  readonly #timer: NodeJS.Timeout;
  /** What the caller's function threw: nobody could catch it in a timer. */
  #thrown: { readonly error: unknown } | null = null;

  constructor({ counter, most, total }: Watch, onProgress: OnProgress, stop: () => void) {
    this.#timer = setInterval(() => {
      try {
        onProgress(Math.floor(((counter[0] ?? 0) / most) * total), total);
      } catch (error) {
        this.#thrown = { error };
        this.end();
        stop();
      }
    }, TELL_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  rethrow(): void {
    if (this.#thrown !== null) throw this.#thrown.error;
  }
}

/** An error of the addon, which carries one of our codes, as a DiptychError. */
export function fromNative(thrown: unknown): DiptychError {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
  return toDiptychError(thrown, isCode(code) ? code : 'BAD_INPUT');
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}
