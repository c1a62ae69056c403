import { DiptychError } from '../errors.js';
import { native } from '../native/load.js';
import type { Device } from '../options.js';
import { cudaStatus, type CudaStatus } from './cuda/status.js';
import type { SessionDevice } from './host.js';

/**
 * Where a graph is to run, a session each: CUDA where it was asked for, or is there with `auto`; `onFallBack` is told why
 * it is not, on a machine that has a part of it. Throws DEVICE_UNAVAILABLE.
 */
export function chooseDevices(
  device: Device,
  status: () => CudaStatus = cudaStatus,
  onFallBack: (message: string) => void = () => undefined,
): readonly [SessionDevice, ...SessionDevice[]] {
  if (device === 'cpu') return ['cpu'];
  const cuda = status();
  if (!cuda.usable) {
    if (device === 'auto') {
      if (cuda.expected) onFallBack(`CUDA cannot be used, going on with the CPU: ${cuda.reason}`);
      return ['cpu'];
    }
    throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${cuda.reason}`, { input: device });
  }
  const [first = 0, ...others] = cudaIndices(device);
  return [{ cuda: first }, ...others.map((index) => ({ cuda: index }))];
}

/** The GPUs that a device names, each once: `cuda:0,1` has two; `auto` and `cuda` mean the first. */
export function cudaIndices(device: Device): number[] {
  const list = device.startsWith('cuda:') ? device.slice('cuda:'.length) : '0';
  return [...new Set(list.split(',').map(Number))];
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

/** What CUDA itself says, without the places in ONNX Runtime's sources that its message is wrapped in. */
export function plainCudaError(error: DiptychError): DiptychError {
  const said = /(CUDA|CUBLAS|CUDNN) failure (\d+): (.*?)\s*; GPU=/.exec(error.message);
  if (said === null) return error;
  const [, library = '', number = '', text = ''] = said;
  const message = `${library} answers ${number} (${text}); see nvidia-smi, and that the driver is new enough for this CUDA`;
  return new DiptychError('DEVICE_UNAVAILABLE', message, { cause: error });
}
