import { closeSync, openSync, readSync } from 'node:fs';

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;

type Read = (at: number, length: number) => Buffer;

/** Opens a 64-bit little-endian ELF file for `use`; null for anything else. Layout: System V ABI, chapters 4 and 5. */
function withElf<T>(file: string, use: (read: Read, header: Buffer) => T | null): T | null {
  const descriptor = openSync(file, 'r');
  try {
    const read: Read = (at, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, at));
    };
    const header = read(0, 64);
    if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1)
      return null;
    return use(read, header);
  } finally {
    closeSync(descriptor);
  }
}

const nameAt = (names: Buffer, at: number): string =>
  names.subarray(at, names.indexOf(0, at)).toString('latin1');

/**
 * The libraries that a shared object asks the dynamic loader for (its DT_NEEDED names), without loading it.
 * Null for what is no 64-bit little-endian ELF.
 */
export function neededLibraries(file: string): string[] | null {
  return withElf(file, (read, header) => {
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
    return needed.map((at) => nameAt(names, at));
  });
}

/** The constants of a shared object (its section .rodata), or null where it has no table of sections. */
export function readOnlyData(file: string): Buffer | null {
  return withElf(file, (read, header) => {
    const size = header.readUInt16LE(58);
    const table = read(Number(header.readBigUInt64LE(40)), size * header.readUInt16LE(60));
    const section = (at: number): { name: number; offset: number; size: number } | null =>
      size < 64 || at + 64 > table.length
        ? null
        : {
            name: table.readUInt32LE(at),
            offset: Number(table.readBigUInt64LE(at + 24)),
            size: Number(table.readBigUInt64LE(at + 32)),
          };
    const strings = section(size * header.readUInt16LE(62));
    if (strings === null) return null;
    const names = read(strings.offset, strings.size);
    for (let at = 0; at < table.length; at += size) {
      const found = section(at);
      if (found !== null && nameAt(names, found.name) === '.rodata') return read(found.offset, found.size);
    }
    return null;
  });
}
