import { errorCodes, throwIfAborted, toDiptychError } from '../errors.js';
import type { ErrorCode, DiptychError } from '../errors.js';

/**
 * Runs one call of the addon under an abort signal: its flag is set when the signal fires, the listener is removed
 * when the call ends, and whatever the addon throws comes out as a DiptychError.
 */
export async function callNative<T>(
  signal: AbortSignal | undefined,
  call: (cancel: Int32Array) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  const cancel = new Int32Array(1);
  const stop = () => {
    cancel[0] = 1;
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await call(cancel);
  } catch (thrown) {
    throwIfAborted(signal);
    throw fromNative(thrown);
  } finally {
    signal?.removeEventListener('abort', stop);
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
