import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const WINDOW = 1 << 16;

/**
 * Reads protobuf wire fields from a file through a small window, so that gigabytes of weights are skipped by
 * seeking over them. Positions are byte offsets; a field that runs past `end` throws RangeError.
 */
export class WireFile {
  readonly size: number;
  readonly #fd: number;
  readonly #window = Buffer.allocUnsafe(WINDOW);
  #start = 0;
  #length = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.size = fstatSync(this.#fd).size;
  }

  close(): void {
    closeSync(this.#fd);
  }

  byte(position: number): number {
    if (position < this.#start || position >= this.#start + this.#length) {
      this.#start = position;
      this.#length = readSync(this.#fd, this.#window, 0, WINDOW, position);
    }
    const value = this.#window[position - this.#start];
    if (this.#length === 0 || value === undefined)
      throw new RangeError(`file ends at byte ${String(position)}`);
    return value;
  }

  bytes(position: number, length: number): Buffer {
    const out = Buffer.allocUnsafe(length);
    const got = readSync(this.#fd, out, 0, length, position);
    if (got < length) throw new RangeError(`file ends at byte ${String(position + got)}`);
    return out;
  }

  text(field: Field): string {
    return this.bytes(field.start, field.end - field.start).toString('utf8');
  }

  /** The fields between two offsets, in file order; nested messages are not descended into. */
  *fields(start: number, end: number): Generator<Field> {
    let position = start;
    while (position < end) {
      const key = this.#varint(position, end);
      position = key.next;
      const number = Math.floor(key.value / 8);
      const wire = key.value % 8;
      if (wire === 0) {
        const value = this.#varint(position, end);
        yield { number, wire, start: position, end: value.next, value: value.value };
        position = value.next;
        continue;
      }
      let length = wire === 5 ? 4 : 8;
      if (wire === 2) {
        const size = this.#varint(position, end);
        position = size.next;
        length = size.value;
      } else if (wire !== 5 && wire !== 1) {
        throw new RangeError(`byte ${String(position)} is no protobuf field (wire type ${String(wire)})`);
      }
      if (number === 0) throw new RangeError(`byte ${String(position)} is no protobuf field (number 0)`);
      if (position + length > end) {
        throw new RangeError(
          `a field of ${String(length)} bytes at byte ${String(position)} runs past byte ${String(end)}`,
        );
      }
      yield { number, wire, start: position, end: position + length, value: 0 };
      position += length;
    }
  }

  /** The numbers of a packed field. */
  varints(field: Field): number[] {
    const out: number[] = [];
    for (let position = field.start; position < field.end;) {
      const { value, next } = this.#varint(position, field.end);
      out.push(value);
      position = next;
    }
    return out;
  }

  /** Unsigned varint as a double: exact to 2^53; negative int64 come out as their two's complement. */
  #varint(position: number, end: number): { value: number; next: number } {
    let value = 0;
    let scale = 1;
    for (let next = position; next < end && next < position + 10; next++) {
      const byte = this.byte(next);
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return { value, next: next + 1 };
    }
    throw new RangeError(`no number at byte ${String(position)}`);
  }
}

/** One wire field: its payload lies in [start, end); `value` is set for varints. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly start: number;
  readonly end: number;
  readonly value: number;
}
