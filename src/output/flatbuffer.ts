/** A field of a table: its slot, and a number of that many bytes or the offset of something written before. */
export type FlatField =
  | { readonly slot: number; readonly bytes: 1 | 2 | 4 | 8; readonly value: number }
  | { readonly slot: number; readonly offset: number };

/**
 * Writes a FlatBuffer (https://flatbuffers.dev/internals/), back to front as the format wants it: what is referred to
 * is written before what refers to it. Offsets are counted from the end.
 */
export class FlatBuilder {
  #bytes = Buffer.alloc(1024);
  #used = 0;

  /** Makes room for `count` bytes in front of what is there; returns where they begin. */
  #room(count: number): number {
    while (this.#used + count > this.#bytes.length) {
      this.#bytes = Buffer.concat([Buffer.alloc(this.#bytes.length), this.#bytes]);
    }
    this.#used += count;
    return this.#bytes.length - this.#used;
  }

  /** Pads so that what follows `extra` more bytes is aligned to `size`. */
  #align(size: number, extra = 0): void {
    this.#room((size - ((this.#used + extra) % size)) % size);
  }

  #number(bytes: 1 | 2 | 4 | 8, value: number): void {
    const at = this.#room(bytes);
    if (bytes === 8) this.#bytes.writeBigInt64LE(BigInt(value), at);
    else this.#bytes.writeIntLE(value, at, bytes);
  }

  #reference(offset: number): void {
    this.#align(4);
    this.#number(4, this.#used + 4 - offset);
  }

  string(text: string): number {
    const bytes = Buffer.from(text);
    this.#align(4, bytes.length + 1);
    this.#room(1);
    this.#bytes.set(bytes, this.#room(bytes.length));
    this.#number(4, bytes.length);
    return this.#used;
  }

  /** A vector of strings or tables. */
  vector(offsets: readonly number[]): number {
    this.#align(4);
    for (const offset of [...offsets].reverse()) this.#reference(offset);
    this.#number(4, offsets.length);
    return this.#used;
  }

  table(fields: readonly FlatField[]): number {
    const size = (field: FlatField): number => ('offset' in field ? 4 : field.bytes);
    const start = this.#used;
    const places = new Map<number, number>();
    for (const field of [...fields].sort((a, b) => size(b) - size(a))) {
      if ('offset' in field) {
        this.#reference(field.offset);
      } else {
        this.#align(field.bytes);
        this.#number(field.bytes, field.value);
      }
      places.set(field.slot, this.#used);
    }
    this.#align(4);
    this.#number(4, 0);
    const table = this.#used;
    const slots = fields.reduce((most, { slot }) => Math.max(most, slot + 1), 0);
    for (let slot = slots - 1; slot >= 0; slot--) {
      const place = places.get(slot);
      this.#number(2, place === undefined ? 0 : table - place);
    }
    this.#number(2, table - start);
    this.#number(2, 4 + 2 * slots);
    // The table begins with the distance to its vtable, which lies right in front of it.
    this.#bytes.writeInt32LE(this.#used - table, this.#bytes.length - table);
    return table;
  }

  finish(root: number): Uint8Array {
    this.#align(8, 4);
    this.#reference(root);
    return this.#bytes.subarray(this.#bytes.length - this.#used);
  }
}
