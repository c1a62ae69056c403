import { readFile } from 'node:fs/promises';
import { openSession } from '../../session/worker-session.js';
import type { HostTensor } from '../../session/host.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';
import { DiptychError } from '../../errors.js';

function tensor(bytes: Uint8Array, dtype: string, dims: readonly number[]): HostTensor {
  const { buffer } = Uint8Array.from(bytes);
  return dtype === 'int64'
    ? { type: 'int64', data: new BigInt64Array(buffer), dims }
    : { type: 'float32', data: new Float32Array(buffer), dims };
}

/** One graph on ready tensors: what the encoder alone can do. */
export async function encodeJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const file = reader.string('file');
  const [input, output, dtype] = [reader.string('input'), reader.string('output'), reader.string('dtype')];
  const threads = reader.number('threads');
  const spinning = reader.optional('spinning', 'no') === 'yes';
  const shape = reader.raw('shape');
  if (!Array.isArray(shape)) throw new DiptychError('BAD_OPTION', 'expected a list', { input: 'shape' });
  const dims = shape.map(Number);
  const bytes = await readFile(reader.string('data'));
  const session = await openSession(file, { device: 'cpu', threads, spinning });
  let feed = tensor(bytes, dtype, dims);
  let found: HostTensor | undefined;
  return {
    settings: `onnxruntime-node in a worker thread, ${String(threads)} encoder thread(s), spinning ${spinning ? 'on' : 'off'}, batch ${String(dims[0])}`,
    run: async () => {
      const result = await session.run({ [input]: feed }, { outputs: [output] });
      found = result.outputs[output];
      const [buffer] = result.returned;
      // The session hands the input's memory back: filled as it was.
      if (buffer !== undefined) feed = tensorOver(buffer, dtype, dims);
    },
    output: () => {
      if (found === undefined || !(found.data instanceof Float32Array)) throw new Error('no float output');
      return { data: found.data, shape: found.dims };
    },
    close: () => session.close(),
  };
}

function tensorOver(buffer: ArrayBuffer, dtype: string, dims: readonly number[]): HostTensor {
  return dtype === 'int64'
    ? { type: 'int64', data: new BigInt64Array(buffer), dims }
    : { type: 'float32', data: new Float32Array(buffer), dims };
}
