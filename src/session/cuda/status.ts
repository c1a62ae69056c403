import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cudaMajor, findCudaLibraries, HERE, wheelFor, type Surroundings } from './libraries.js';
import { namedVersions } from './version.js';

export interface CudaStatus {
  readonly usable: boolean;
  /** One sentence: what was found, or why CUDA cannot be used and the mend. */
  readonly reason: string;
  /** CUDA libraries to load before the provider, in order. */
  readonly preload: readonly string[];
  /** Whether this machine has a part of what CUDA needs: whoever put it there expects it to be used. */
  readonly expected: boolean;
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

const no = (reason: string, expected = true): CudaStatus => ({
  usable: false,
  reason,
  preload: [],
  expected,
});

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
    return no(`ONNX Runtime has no CUDA provider for ${platform}`, false);
  if (platform === 'linux' && process.arch !== 'x64') {
    return no(`onnxruntime-node carries no CUDA provider for ${platform} ${process.arch}`, false);
  }
  const driver = platform === 'win32' ? null : driverVersion(surroundings);
  const missing = providerFiles(platform).filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) {
    return no(
      `ONNX Runtime's CUDA provider is not installed (${missing.join(' and ')} missing); run: diptych cuda install`,
      driver !== null || missing.length < providerFiles(platform).length,
    );
  }
  if (platform === 'win32') {
    const reason = `the CUDA provider is in ${folder}`;
    return { usable: true, reason, preload: [], expected: true };
  }
  const provider = join(folder, 'libonnxruntime_providers_cuda.so');
  const { version } = onnxRuntime();
  const named = namedVersions(provider);
  if (named.length > 0 && !named.includes(version)) {
    return no(
      `the CUDA provider in ${folder} is of ONNX Runtime ${named.join(' or ')}, but onnxruntime-node is ${version}; ` +
        `run: diptych cuda install (--from DIR, where DIR holds the provider of ${version})`,
    );
  }
  if (driver === null)
    return no('no NVIDIA driver is loaded (no /proc/driver/nvidia); install the driver, or use --device cpu');
  const { found, missing: libraries } = findCudaLibraries(provider, surroundings);
  if (libraries.length > 0) return no(missingLibraries(libraries, cudaMajor(provider)));
  return {
    usable: true,
    reason: `driver ${driver}, provider in ${folder}, ${String(found.length)} CUDA libraries found`,
    preload: found,
    expected: true,
  };
}

/** One sentence on the libraries that the provider needs and nobody has. */
function missingLibraries(libraries: readonly string[], major: number): string {
  const names = libraries.join(', ');
  if (libraries.every((name) => name.startsWith('libcuda.so'))) {
    return (
      `the CUDA provider needs ${names}, which is part of the driver and not found here; install the driver's ` +
      'libraries (in a container: start it with the NVIDIA runtime, as docker run --gpus all)'
    );
  }
  const wheels = [...new Set(libraries.flatMap((name) => wheelFor(name, major) ?? []))];
  const parts = libraries.some((name) => name.startsWith('libcudnn')) ? ' with cuDNN 9' : '';
  return (
    `the CUDA provider needs ${names}, not found here; install CUDA ${String(major)}${parts}` +
    (wheels.length === 0 ? '' : `, or the Python wheels ${wheels.join(', ')}`) +
    ', and point DIPTYCH_CUDA_PATH at them if need be'
  );
}
