import { DiptychError } from '../../errors.js';

/** DataComp's subset files: a .npy of (u8, u8), the two halves of each 128-bit uid, sorted. */

/** A uid of 32 hexadecimal digits. */
export type Uid = string;

function checkUid(uid: Uid): Uid {
  if (typeof uid === 'string' && /^[0-9a-f]{32}$/i.test(uid)) return uid.toLowerCase();
  throw new DiptychError('BAD_INPUT', 'expected a uid of 32 hexadecimal digits', { input: `uid ${uid}` });
}

/** The bytes that numpy.save writes for the sorted uids; a uid that comes twice stays twice. */
export function uidsToNpy(uids: readonly Uid[]): Uint8Array {
  const sorted = uids.map(checkUid).sort();
  const text = `{'descr': [('f0', '<u8'), ('f1', '<u8')], 'fortran_order': False, 'shape': (${String(sorted.length)},), }`;
  const growth = ' '.repeat(Math.max(0, 21 - String(sorted.length).length));
  const length = Math.ceil((10 + text.length + growth.length + 1) / 64) * 64;
  const bytes = Buffer.alloc(length + sorted.length * 16, ' ', 'latin1');
  bytes.write('\x93NUMPY\x01\x00', 0, 'latin1');
  bytes.writeUInt16LE(length - 10, 8);
  bytes.write(text, 10, 'latin1');
  bytes[length - 1] = 0x0a;
  sorted.forEach((uid, at) => {
    bytes.writeBigUInt64LE(BigInt(`0x${uid.slice(0, 16)}`), length + at * 16);
    bytes.writeBigUInt64LE(BigInt(`0x${uid.slice(16)}`), length + at * 16 + 8);
  });
  return bytes;
}

/** Reads a subset file. Throws OUTPUT_INVALID. */
export function uidsFromNpy(bytes: Uint8Array, name = 'subset'): Uid[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const invalid = (): DiptychError =>
    new DiptychError('OUTPUT_INVALID', 'expected a .npy file of (u8, u8) uids, as DataComp writes', {
      input: name,
    });
  if (view.length < 12 || view.toString('latin1', 0, 6) !== '\x93NUMPY') throw invalid();
  const major = view[6] ?? 0;
  const at = major === 1 ? 10 : 12;
  const start = at + (major === 1 ? view.readUInt16LE(8) : view.readUInt32LE(8));
  const header = view.toString('latin1', at, start);
  const count = Number(/'shape': \((\d+),\)/.exec(header)?.[1] ?? NaN);
  if (!/'<u8'\), \('f1', '<u8'\)/.test(header) || start + count * 16 !== view.length) throw invalid();
  const half = (from: number): string => view.readBigUInt64LE(from).toString(16).padStart(16, '0');
  return Array.from({ length: count }, (_, row) => half(start + row * 16) + half(start + row * 16 + 8));
}

/** Set algebra of subsets; the result is sorted and holds each uid once. */
export function combineUids(
  how: 'union' | 'intersection' | 'difference',
  first: readonly Uid[],
  ...others: readonly (readonly Uid[])[]
): Uid[] {
  let kept = new Set(first.map(checkUid));
  for (const other of others) {
    const set = new Set(other.map(checkUid));
    if (how === 'union') for (const uid of set) kept.add(uid);
    else kept = new Set([...kept].filter((uid) => set.has(uid) === (how === 'intersection')));
  }
  return [...kept].sort();
}
