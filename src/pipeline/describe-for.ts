import type { ModelDescription } from '../models/card.js';
import { describeModel } from '../models/describe.js';
import type { ResolvedModelOptions } from '../options.js';
import { cudaStatus } from '../session/cuda/status.js';
import { chooseDevices } from '../session/providers.js';

/**
 * The model as these options want it: with dtype auto, fp16 weights where it will run on CUDA and has them.
 * Throws what {@link describeModel} throws, and DEVICE_UNAVAILABLE.
 */
export async function describeFor(name: string, options: ResolvedModelOptions): Promise<ModelDescription> {
  const { textCleaning, logitScale, logitBias, device } = options;
  const describe = (dtype: ResolvedModelOptions['dtype']): Promise<ModelDescription> =>
    describeModel(name, {
      dtype,
      textCleaning,
      ...(logitScale === null ? {} : { logitScale }),
      ...(logitBias === null ? {} : { logitBias }),
    });
  const description = await describe(options.dtype);
  const cuda = chooseDevices(device, cudaStatus, options.onWarning)[0] !== 'cpu';
  const halves = cuda && options.dtype === 'auto' && description.dtypes.includes('fp16');
  return halves ? describe('fp16') : description;
}
