/** The addon's functions, as JavaScript sees them: the one description of the boundary. */
import type { ImageBinding } from './image-binding.js';
import type { LimitsBinding } from './limits-binding.js';
import type { MatchingBinding } from './matching-binding.js';
import type { SimilarityBinding } from './similarity-binding.js';
import type { TrainingBinding } from './training-binding.js';

export interface CpuInfo {
  /** CPU features that the addon looks for and the operating system lets it use. */
  readonly features: readonly string[];
  /** Kernel families runnable here, widest first; "reference" is always last. */
  readonly kernels: readonly string[];
  /** What DIPTYCH_KERNEL or detection chose. */
  readonly chosen: string;
  /** Operation -> the variant in use (an operation without the chosen ISA takes the next lower). */
  readonly active: Readonly<Record<string, string>>;
}

export interface NativeBinding
  extends ImageBinding, LimitsBinding, MatchingBinding, SimilarityBinding, TrainingBinding {
  /** Throws KERNEL_UNAVAILABLE (with the names that would do) when DIPTYCH_KERNEL cannot be honoured. */
  cpuInfo(): CpuInfo;
  /** Cores this process may use: the least of affinity and the cgroup's quota, at least 1. */
  availableCores(): number;
  /**
   * While `apart`, blocks of a megabyte and more are mapped on their own and go back to the system once freed;
   * ending it gives the heap's free memory back too. Does nothing where the C library is not glibc.
   */
  keepLargeBlocksApart(apart: boolean): void;
  /**
   * Locks a folder until the descriptor that it returns is closed, or the process ends in whatever way. Null where
   * another has it locked; -1 where the file system has no locks.
   */
  lockFolder(path: string): number | null;
  /** Loads a shared library for good, symbols global. Returns null, or the loader's message. */
  preloadLibrary(path: string): string | null;
}
