import { throwIfAborted } from '../../errors.js';
import type { DecoderRun, StepRow } from './decoder.js';
import type { Found, Search } from './search.js';

/** Runs the searches of several images together, a decoder step for all of them at a time. */
export async function runSearches(
  searches: readonly Search[],
  decoder: Pick<DecoderRun, 'step'>,
  signal?: AbortSignal,
): Promise<Found[]> {
  let parents: readonly number[] = [];
  for (;;) {
    throwIfAborted(signal);
    const rows: StepRow[] = searches.flatMap((search, image) =>
      search.sequences.map((ids) => ({ ids, image })),
    );
    if (rows.length === 0) return searches.map((search) => search.result());
    const logits = await decoder.step(rows, parents);
    const next: number[] = [];
    let at = 0;
    for (const search of searches) {
      const width = search.sequences.length;
      if (width === 0) continue;
      const from = at;
      next.push(...search.advance(logits.slice(from, from + width)).map((parent) => from + parent));
      at += width;
    }
    parents = next;
  }
}
