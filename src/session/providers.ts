import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { Device } from '../options.js';
import { cudaStatus, type CudaStatus } from './cuda/status.js';
import type { SessionDevice } from './host.js';

/** The device a session is to run on: CUDA where it was asked for, or is there with `auto`. */
export function chooseDevice(device: Device, status: () => CudaStatus = cudaStatus): SessionDevice {
  if (device === 'cpu') return 'cpu';
  const cuda = status();
  if (!cuda.usable) {
    if (device === 'auto') return 'cpu';
    throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${cuda.reason}`, { input: device });
  }
  return { cuda: device === 'auto' || device === 'cuda' ? 0 : Number(device.slice('cuda:'.length)) };
}

let preloaded = false;

/**
 * Loads CUDA's libraries for the whole process, so that the provider finds them without LD_LIBRARY_PATH.
 * Throws DEVICE_UNAVAILABLE naming the library that the system refuses.
 */
export function preloadCuda(status: CudaStatus = cudaStatus()): void {
  if (preloaded || process.platform !== 'linux') return;
  for (const library of status.preload) {
    const error = native().preloadLibrary(library);
    if (error !== null)
      throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${error}`, { input: library });
  }
  preloaded = true;
}
