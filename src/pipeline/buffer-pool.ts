/** Reuses the big input buffers, so that a run of millions of images allocates a handful of them. */
export class BufferPool {
  #bytes = 0;
  #free: ArrayBuffer[] = [];
  #keep = 0;

  /** How many free ones are kept. */
  keep(count: number): void {
    this.#keep = count;
  }

  /** A buffer of `bytes`; those of another size, from before the batch size changed, are let go. */
  take(bytes: number): ArrayBuffer {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#free = [];
    }
    return this.#free.pop() ?? new ArrayBuffer(bytes);
  }

  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#bytes && this.#free.length < this.#keep) this.#free.push(buffer);
  }
}
