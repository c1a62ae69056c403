import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { NativeCorpus, NativeRows } from '../native/similarity-binding.js';
import { callNative, fromNative } from './call.js';
import { checkKeys, resolveOptions } from './options.js';
import type { SimilarityOptions } from './options.js';
import { checkedRows, describe } from './rows.js';
import type { AnyRows } from './rows.js';

/** A corpus as the addon takes it: the handle, and the rows of each part that stayed with JavaScript. */
export interface CorpusState {
  readonly handle: NativeCorpus;
  readonly parts: readonly (NativeRows | null)[];
  readonly rows: number;
  readonly dim: number;
  readonly metric: 'cosine' | 'dot';
}

const OPTIONS = ['metric', 'threads', 'signal'];

/**
 * Rows prepared once for many queries: int8 codes with a proven bound each (dim + 32 bytes a row), beside the rows
 * themselves, which are neither copied nor changed and must not be written to any more. Give it to `topK`,
 * `rangeSearch` and `similarPairs` in place of rows; answers are the same, only sooner.
 */
export class PreparedCorpus {
  #state: CorpusState | undefined;
  #appending = false;

  /** Use {@link prepareCorpus} or {@link openCorpus}. */
  constructor(state: CorpusState) {
    this.#state = state;
  }

  get rows(): number {
    return this.state().rows;
  }

  get dim(): number {
    return this.state().dim;
  }

  get metric(): 'cosine' | 'dot' {
    return this.state().metric;
  }

  /** What the addon needs of it. Throws CLOSED after {@link close}. */
  state(): CorpusState {
    if (this.#state !== undefined) return this.#state;
    throw new DiptychError('CLOSED', 'the corpus is closed: prepare or open it again', { input: 'corpus' });
  }

  /**
   * Adds rows behind those that are there; searches under way do not see them. They must have the same dim and element
   * type. One append at a time (else BAD_INPUT).
   */
  async append(rows: AnyRows, options: Omit<SimilarityOptions, 'metric'> = {}): Promise<void> {
    checkKeys(options, ['threads', 'signal']);
    const state = this.state();
    const given = checkedRows(rows, 'rows');
    if (given.dim !== state.dim) {
      const message = `expected rows of ${String(state.dim)} values, got ${String(given.dim)}`;
      throw new DiptychError('DIMENSION_MISMATCH', message, { input: 'rows' });
    }
    if (this.#appending) {
      throw new DiptychError('BAD_INPUT', 'another append is under way: await it first', { input: 'corpus' });
    }
    this.#appending = true;
    try {
      const next = await appended(state, given, { ...options, metric: state.metric });
      if (this.#state !== undefined) this.#state = next;
    } finally {
      this.#appending = false;
    }
  }

  /** Writes codes and rows to one file, whole or not at all, for {@link openCorpus}. Rejects with OUTPUT_FAILED. */
  async save(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkKeys(options, ['signal']);
    const { handle, parts } = this.state();
    await callNative(options.signal, (cancel) =>
      native().corpusSave(handle, parts, checkedPath(path), cancel),
    );
  }

  /** Lets the memory go once searches under way have ended. Later calls fail with CLOSED. */
  close(): void {
    this.#state = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Prepares rows for many queries; `metric` is fixed here. See {@link PreparedCorpus}. Rejects as `topK` does.
 */
export async function prepareCorpus(rows: AnyRows, options: SimilarityOptions = {}): Promise<PreparedCorpus> {
  checkKeys(options, OPTIONS);
  return new PreparedCorpus(await appended(undefined, checkedRows(rows, 'rows'), options));
}

/**
 * Maps a corpus that was saved: nothing is read until it is needed, and of a file of more than 512 MiB what was read
 * goes back to the system's cache now and then, so that the process stays small. The file must not change while it is
 * open.
 * Throws INPUT_NOT_FOUND or INPUT_UNREADABLE (not a corpus, or only part of one).
 */
export function openCorpus(path: string): PreparedCorpus {
  try {
    const handle = native().corpusOpen(checkedPath(path));
    const { rows, dim, metric } = native().corpusInfo(handle);
    return new PreparedCorpus({ handle, parts: [null], rows, dim, metric });
  } catch (thrown) {
    throw fromNative(thrown);
  }
}

/** Whether this is a prepared corpus rather than plain rows. */
export function isCorpus(rows: AnyRows | PreparedCorpus): rows is PreparedCorpus {
  return rows instanceof PreparedCorpus;
}

async function appended(
  state: CorpusState | undefined,
  rows: NativeRows,
  options: SimilarityOptions,
): Promise<CorpusState> {
  const resolved = resolveOptions(options, 'exact');
  const handle = await callNative(options.signal, (cancel) =>
    native().corpusAppend(state?.handle ?? null, rows, resolved, cancel),
  );
  const total = (state?.rows ?? 0) + rows.rows;
  return {
    handle,
    parts: [...(state?.parts ?? []), rows],
    rows: total,
    dim: rows.dim,
    metric: resolved.metric,
  };
}

function checkedPath(path: unknown): string {
  if (typeof path === 'string' && path.length > 0 && !path.includes('\0')) return path;
  throw new DiptychError('BAD_OPTION', `expected the path of a file, got ${describe(path)}`, {
    input: 'path',
  });
}
