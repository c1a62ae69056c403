import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findCudaLibraries, HERE, wheelFor, type Surroundings } from './libraries.js';

export interface CudaStatus {
  readonly usable: boolean;
  /** One sentence: what was found, or why CUDA cannot be used and the mend. */
  readonly reason: string;
  /** CUDA libraries to load before the provider, in order. */
  readonly preload: readonly string[];
}

const require = createRequire(import.meta.url);

/** Folder of the onnxruntime-node package, and its version. */
export function onnxRuntime(): { readonly folder: string; readonly version: string } {
  const manifest = require.resolve('onnxruntime-node/package.json');
  const { version } = require(manifest) as { version: string };
  return { folder: dirname(manifest), version };
}

/** Where ONNX Runtime looks for its providers: beside its own shared library. */
export function providerFolder(): string {
  return join(onnxRuntime().folder, 'bin', 'napi-v6', process.platform, process.arch);
}

/** Files of the CUDA provider by platform. */
export function providerFiles(platform: NodeJS.Platform): readonly string[] {
  return platform === 'win32'
    ? ['onnxruntime_providers_shared.dll', 'onnxruntime_providers_cuda.dll']
    : ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
}

const no = (reason: string): CudaStatus => ({ usable: false, reason, preload: [] });

/** Version of the NVIDIA kernel driver, or null where none is loaded. */
export function driverVersion({ root }: Surroundings): string | null {
  try {
    const text = readFileSync(join(root, '/proc/driver/nvidia/version'), 'utf8');
    return /Kernel Module\D+([\d.]+)/.exec(text)?.[1] ?? 'unknown';
  } catch {
    // WSL has no /proc entry but the paravirtual device.
    return existsSync(join(root, '/dev/dxg')) ? 'WSL' : null;
  }
}

/**
 * Whether CUDA can be used, from what lies on disk. ONNX Runtime's own list of back ends names CUDA even where
 * nothing of it is installed, so it cannot be asked.
 */
export function cudaStatus(folder: string = providerFolder(), surroundings: Surroundings = HERE): CudaStatus {
  const { platform } = process;
  if (platform !== 'linux' && platform !== 'win32')
    return no(`ONNX Runtime has no CUDA provider for ${platform}`);
  if (platform === 'linux' && process.arch !== 'x64') {
    return no(`onnxruntime-node carries no CUDA provider for ${platform} ${process.arch}`);
  }
  const missing = providerFiles(platform).filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) {
    return no(
      `ONNX Runtime's CUDA provider is not installed (${missing.join(' and ')} missing); run: diptych cuda install`,
    );
  }
  if (platform === 'win32') return { usable: true, reason: `the CUDA provider is in ${folder}`, preload: [] };
  const driver = driverVersion(surroundings);
  if (driver === null)
    return no('no NVIDIA driver is loaded (no /proc/driver/nvidia); install the driver, or use --device cpu');
  const provider = join(folder, 'libonnxruntime_providers_cuda.so');
  const { found, missing: libraries } = findCudaLibraries(provider, surroundings);
  if (libraries.length > 0) {
    const wheels = [...new Set(libraries.flatMap((name) => wheelFor(name) ?? []))];
    const mend =
      wheels.length === 0
        ? 'install the CUDA toolkit'
        : `install the CUDA toolkit and cuDNN, or the Python wheels ${wheels.join(', ')}`;
    return no(
      `the CUDA provider needs ${libraries.join(', ')}, not found here; ${mend}, and point DIPTYCH_CUDA_PATH at them if need be`,
    );
  }
  return {
    usable: true,
    reason: `driver ${driver}, provider in ${folder}, ${String(found.length)} CUDA libraries found`,
    preload: found,
  };
}
