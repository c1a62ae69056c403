import { closeSync, openSync, readSync } from 'node:fs';

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;

/**
 * The libraries that a shared object asks the dynamic loader for (its DT_NEEDED names), without loading it.
 * Only 64-bit little-endian ELF; null for anything else. Layout: System V ABI, chapter 5.
 */
export function neededLibraries(file: string): string[] | null {
  const descriptor = openSync(file, 'r');
  try {
    const read = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      const got = readSync(descriptor, bytes, 0, length, at);
      return bytes.subarray(0, got);
    };
    const header = read(0, 64);
    if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1)
      return null;
    const entrySize = header.readUInt16LE(54);
    const entries = header.readUInt16LE(56);
    const table = read(Number(header.readBigUInt64LE(32)), entrySize * entries);
    const loads: { from: bigint; to: bigint; offset: bigint }[] = [];
    let dynamic: { offset: number; size: number } | null = null;
    for (let at = 0; at + 56 <= table.length; at += entrySize) {
      const type = table.readUInt32LE(at);
      const offset = table.readBigUInt64LE(at + 8);
      const address = table.readBigUInt64LE(at + 16);
      const size = table.readBigUInt64LE(at + 32);
      if (type === PT_LOAD) loads.push({ from: address, to: address + size, offset });
      if (type === PT_DYNAMIC) dynamic = { offset: Number(offset), size: Number(size) };
    }
    if (dynamic === null) return null;
    const tags = read(dynamic.offset, dynamic.size);
    const needed: number[] = [];
    let strings = { address: 0n, size: 0 };
    for (let at = 0; at + 16 <= tags.length; at += 16) {
      const tag = tags.readBigUInt64LE(at);
      const value = tags.readBigUInt64LE(at + 8);
      if (tag === DT_NEEDED) needed.push(Number(value));
      if (tag === DT_STRTAB) strings = { ...strings, address: value };
      if (tag === DT_STRSZ) strings = { ...strings, size: Number(value) };
    }
    const load = loads.find(({ from, to }) => strings.address >= from && strings.address < to);
    if (load === undefined) return null;
    const names = read(Number(strings.address - load.from + load.offset), strings.size);
    return needed.map((at) => names.subarray(at, names.indexOf(0, at)).toString('latin1'));
  } finally {
    closeSync(descriptor);
  }
}
