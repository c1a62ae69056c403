/** Reuses the big input buffers, so that a run of millions of images allocates a handful of them. */
export class BufferPool {
  #bytes = 0;
  #free: ArrayBuffer[] = [];
  #keep = 0;

  /** How many free ones are kept. */
  keep(count: number): void {
    this.#keep = count;
  }

  /** How many free ones there are. */
  get free(): number {
    return this.#free.length;
  }

  /** A buffer of `bytes`, a `fresh` one if need be; those of another size, from before the batch size changed, are let go. */
  take(bytes: number, fresh: boolean): ArrayBuffer {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#free = [];
    }
    return (fresh ? undefined : this.#free.pop()) ?? new ArrayBuffer(bytes);
  }

  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#bytes && this.#free.length < this.#keep) this.#free.push(buffer);
  }
}

/**
 * The input buffers that one run may have in its hands at once: who needs another waits until one comes back. A run of
 * many batches has all of them from its beginning: else a moment's delay, hours later, would ask for one more, which looks like a leak.
 */
export class BufferRing {
  readonly #pool: BufferPool;
  readonly #size: () => number;
  #taken = 0;
  #takes = 0;
  #ended = false;
  readonly #waiting: (() => void)[] = [];

  /** `size`, how many there are, is asked anew each time. */
  constructor(pool: BufferPool, size: () => number) {
    this.#pool = pool;
    this.#size = size;
  }

  /** A buffer of `bytes`, in the order in which they were asked for; null once the run is over. */
  async take(bytes: number): Promise<ArrayBuffer | null> {
    if (this.#taken < this.#size() && this.#waiting.length === 0) this.#taken++;
    else if (!this.#ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#ended) return null;
    const size = this.#size();
    this.#pool.keep(size);
    // The one being taken is counted already. A run of one batch is content with one buffer.
    const there = this.#pool.free + this.#taken - 1;
    return this.#pool.take(bytes, there < Math.min(size, ++this.#takes));
  }

  /** One is free again; `buffers` is what came back of it, nothing where the encoder kept it. */
  give(buffers: readonly ArrayBuffer[]): void {
    this.#taken--;
    for (const buffer of buffers) this.#pool.give(buffer);
    while (this.#taken < this.#size() && this.#waiting.length > 0) {
      // Counted here, not when the waiting one goes on: nobody may come in between.
      this.#taken++;
      this.#waiting.shift()?.();
    }
  }

  /** Lets go of those who wait: what they wait for is in the hands of work that nobody will finish. */
  end(): void {
    this.#ended = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
