import { DiptychError } from '../errors.js';
import { parseOptions, read } from '../options.js';

/** Options of every embedding call. */
export interface EmbedOptions {
  /** Stops the work; the call then rejects with code ABORTED. */
  readonly signal?: AbortSignal;
  /** Called after each batch with the number of inputs done. */
  readonly onProgress?: (done: number) => void;
}

export interface ResolvedEmbedOptions {
  readonly signal: AbortSignal | null;
  readonly onProgress: ((done: number) => void) | null;
}

/** Parses {@link EmbedOptions}. Throws BAD_OPTION. */
export function parseEmbedOptions(given: unknown): ResolvedEmbedOptions {
  return parseOptions<ResolvedEmbedOptions>(
    given,
    {
      signal: read.signal,
      onProgress: (value, name) => {
        if (typeof value === 'function') return value as (done: number) => void;
        throw new DiptychError('BAD_OPTION', 'expected a function', { input: name });
      },
    },
    { signal: null, onProgress: null },
    'embed options',
  );
}
