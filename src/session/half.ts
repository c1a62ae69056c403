/** IEEE 754 half precision, which Node 20 has no typed array for: bits in a Uint16Array. */

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** The value of one half, as a number. Exact. */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rounds a number (first to float32) to the nearest half, ties to even; overflow gives infinity. */
export function numberToHalf(number: number): number {
  value[0] = number;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 255) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent >= 143) return sign | 0x7c00;
  if (exponent >= 113) {
    const kept = ((exponent - 112) << 10) | (fraction >> 13);
    const rest = fraction & 0x1fff;
    // A carry out of the fraction lands in the exponent, as it should.
    return sign | (kept + (rest > 0x1000 || (rest === 0x1000 && (kept & 1) === 1) ? 1 : 0));
  }
  if (exponent < 102) return sign;
  const shift = 126 - exponent;
  const full = fraction | 0x800000;
  const kept = full >> shift;
  const rest = full & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (kept + (rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0));
}

let table: Float32Array | undefined;

/** Widens halves to float32. */
export function halvesToFloats(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => halfToNumber(half));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = table[halves[i] ?? 0] ?? 0;
  return floats;
}

/** Narrows float32 to halves, ties to even. */
export function floatsToHalves(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) halves[i] = numberToHalf(floats[i] ?? 0);
  return halves;
}
