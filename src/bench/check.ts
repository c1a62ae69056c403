import { readFile } from 'node:fs/promises';
import type { OutputReply } from './protocol.js';
import type { Check } from './types.js';

export interface LoadedOutput {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

export interface Verdict {
  readonly same: boolean;
  /** For tables: "identical", "max 3.1e-7 off", "shape 1x3 instead of 1x4". */
  readonly note: string;
}

/** Reads what a host wrote: raw little-endian numbers, described by its reply. */
export async function readOutput(file: string, { dtype, shape }: OutputReply): Promise<LoadedOutput> {
  const bytes = await readFile(file);
  // A copy of its own, since a view of a pooled Buffer need not be aligned.
  const { buffer } = Uint8Array.from(bytes);
  const data =
    dtype === 'float32'
      ? new Float32Array(buffer)
      : dtype === 'int32'
        ? new Int32Array(buffer)
        : new Uint8Array(buffer);
  return { data, shape };
}

/** Whether `candidate` holds the numbers of `reference`, as far as `check` asks. */
export function compareOutputs(check: Check, reference: LoadedOutput, candidate: LoadedOutput): Verdict {
  const [wanted, got] = [reference.shape.join('x'), candidate.shape.join('x')];
  if (wanted !== got || reference.data.length !== candidate.data.length) {
    return { same: false, note: `shape ${got} instead of ${wanted}` };
  }
  let largest = 0;
  let sum = 0;
  let equal = 0;
  for (let i = 0; i < reference.data.length; i++) {
    const difference = Math.abs((reference.data[i] ?? Number.NaN) - (candidate.data[i] ?? Number.NaN));
    if (difference === 0) equal++;
    // Written so that NaN counts as the largest difference.
    if (!(difference <= largest)) largest = difference;
    sum += difference * difference;
  }
  const count = Math.max(reference.data.length, 1);
  if (check.kind === 'indices') {
    const share = equal / count;
    return { same: share >= check.agreement, note: share === 1 ? 'identical' : `${percent(share)} equal` };
  }
  if (largest === 0) return { same: true, note: 'identical' };
  const note = `max ${short(largest)} off, rms ${short(Math.sqrt(sum / count))}`;
  return { same: check.kind === 'close' && largest <= check.tolerance, note };
}

const short = (value: number): string => value.toPrecision(2);
const percent = (share: number): string => `${(share * 100).toFixed(share > 0.999 ? 3 : 1)} %`;
