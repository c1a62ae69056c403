import type { Shape } from '../output/run-file.js';

/**
 * Which part each input belongs to. A part holds inputs of one shape (images, texts or pairs), `size` of them in the
 * order of the source, failed ones included. The plan depends on the sequence of shapes alone, so that a run that is
 * taken up again makes the same parts as one that was never stopped.
 */
export class PartPlan {
  readonly #size: number;
  readonly #open = new Map<Shape, { part: number; used: number }>();
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** The part of the next input, and whether the input is the last that fits. */
  assign(shape: Shape): { readonly part: number; readonly last: boolean } {
    let open = this.#open.get(shape);
    if (open === undefined) {
      open = { part: this.#next++, used: 0 };
      this.#open.set(shape, open);
    }
    open.used++;
    const last = open.used === this.#size;
    if (last) this.#open.delete(shape);
    return { part: open.part, last };
  }
}
