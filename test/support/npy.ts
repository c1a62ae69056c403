import { readFileSync } from 'node:fs';

/** A small .npy reader of its own, so that tests do not judge the package by its own reader. */
export function readNpy(file: string): {
  data: Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;
  shape: number[];
} {
  const bytes = readFileSync(file);
  const major = bytes[6] ?? 1;
  const headerLength = major === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  const start = (major === 1 ? 10 : 12) + headerLength;
  const header = bytes.subarray(major === 1 ? 10 : 12, start).toString('latin1');
  const descr = /'descr': '([^']+)'/.exec(header)?.[1];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .flatMap((side) => (side.trim() === '' ? [] : [Number(side)]));
  const copy = Uint8Array.from(bytes.subarray(start)).buffer;
  switch (descr) {
    case '<f4':
      return { data: new Float32Array(copy), shape };
    case '<f8':
      return { data: new Float64Array(copy), shape };
    case '<i4':
      return { data: new Int32Array(copy), shape };
    case '<f2':
    case '<u2':
      return { data: new Uint16Array(copy), shape };
    case '|u1':
      return { data: new Uint8Array(copy), shape };
    case undefined:
    default:
      throw new Error(`${file}: dtype ${String(descr)} is not read here`);
  }
}

/** The same as float32 numbers. */
export function readFloats(file: string): { data: Float32Array; shape: number[] } {
  const { data, shape } = readNpy(file);
  if (data instanceof Float32Array) return { data, shape };
  throw new Error(`${file}: expected float32`);
}
