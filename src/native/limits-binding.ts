export type LimitKind = 'fp32' | 'fp32-from-cache' | 'int8' | 'bf16' | 'read';

/** native/bind/limits.cpp: what this machine can do at best, for the benchmarks. */
export interface LimitsBinding {
  /**
   * Operations (fp32, int8, bf16; a multiply and an addition are two) or bytes (read) per second on `threads`
   * threads, measured for about `milliseconds`. Operands are in registers, but for fp32-from-cache, which loads them
   * from the first-level cache as a tile of the similarity kernels does. Blocks the calling thread meanwhile. `memory`
   * is what `read` reads (at least 8192 bytes a thread; larger than the caches, to be of use) and null otherwise.
   */
  measureLimit(
    kind: LimitKind,
    threads: number,
    milliseconds: number,
    memory: Uint8Array | null,
  ): { readonly perSecond: number; readonly kernel: string };
  /**
   * Decodes image files with the image path's own decoder and drops the pixels: how many there were. Blocks the
   * calling thread. Throws the codes of a picture that cannot be read.
   */
  decodeOnly(files: readonly Uint8Array[]): number;
}
