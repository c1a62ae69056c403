import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DiptychError } from '../errors.js';
import type { Device } from '../options.js';
import type { SessionDevice } from './host.js';

export interface CudaStatus {
  readonly usable: boolean;
  /** One sentence: why not, and the mend; or what was found. */
  readonly reason: string;
}

const require = createRequire(import.meta.url);

/** Folder of the onnxruntime-node package, and its version. */
export function onnxRuntime(): { readonly folder: string; readonly version: string } {
  const manifest = require.resolve('onnxruntime-node/package.json');
  const { version } = require(manifest) as { version: string };
  return { folder: dirname(manifest), version };
}

const MEND =
  'run `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node` on a machine with an NVIDIA driver';

/**
 * Whether CUDA can be tried, from what lies on disk: ONNX Runtime's own list of back ends names CUDA even
 * where nothing of it is installed, so it cannot be asked.
 */
export function cudaStatus(): CudaStatus {
  if (process.platform !== 'linux' && process.platform !== 'win32') {
    return { usable: false, reason: `ONNX Runtime has no CUDA provider for ${process.platform}` };
  }
  const libraries = join(onnxRuntime().folder, 'bin', 'napi-v6', process.platform, process.arch);
  const [prefix, suffix] = process.platform === 'linux' ? ['lib', '.so'] : ['', '.dll'];
  const missing = ['onnxruntime_providers_shared', 'onnxruntime_providers_cuda'].filter(
    (name) => !existsSync(join(libraries, `${prefix}${name}${suffix}`)),
  );
  if (missing.length > 0) {
    return {
      usable: false,
      reason: `the CUDA provider of onnxruntime-node is not installed (${missing.join(', ')} missing): ${MEND}`,
    };
  }
  if (
    process.platform === 'linux' &&
    !existsSync('/proc/driver/nvidia/version') &&
    !existsSync('/dev/nvidia0') &&
    !existsSync('/dev/dxg')
  ) {
    return {
      usable: false,
      reason: 'no NVIDIA driver is loaded (neither /dev/nvidia0 nor /proc/driver/nvidia is there)',
    };
  }
  return { usable: true, reason: `the CUDA provider is in ${libraries}` };
}

/** The device a session is to run on; `auto` falls back to the CPU and says so when CUDA is installed but unusable. */
export function chooseDevice(device: Device): SessionDevice {
  if (device === 'cpu') return 'cpu';
  const status = cudaStatus();
  if (device === 'auto') return status.usable ? { cuda: 0 } : 'cpu';
  if (!status.usable) {
    throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${status.reason}`, { input: device });
  }
  return { cuda: device === 'cuda' ? 0 : Number(device.slice('cuda:'.length)) };
}
