import { readFile } from 'node:fs/promises';
import { openSession } from '../../session/worker-session.js';
import type { HostTensor, SessionHost } from '../../session/host.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';
import { DiptychError } from '../../errors.js';

function tensorOver(buffer: ArrayBuffer, type: string, dims: readonly number[]): HostTensor {
  return type === 'int64'
    ? { type: 'int64', data: new BigInt64Array(buffer), dims }
    : { type: 'float32', data: new Float32Array(buffer), dims };
}

/** A session that is given the same tensor again and again. */
class Repeated {
  readonly #session: SessionHost;
  #feed: HostTensor;

  constructor(session: SessionHost, feed: HostTensor) {
    this.#session = session;
    this.#feed = feed;
  }

  async run(input: string, output: string): Promise<HostTensor | undefined> {
    const { type, dims } = this.#feed;
    const { outputs, returned } = await this.#session.run({ [input]: this.#feed }, { outputs: [output] });
    const [buffer] = returned;
    // The session hands the input's memory back: filled as it was.
    if (buffer !== undefined) this.#feed = tensorOver(buffer, type, dims);
    return outputs[output];
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** One graph on ready tensors, each of its sessions one of them: what the encoder alone can do. */
export async function encodeJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const file = reader.string('file');
  const [input, output, dtype] = [reader.string('input'), reader.string('output'), reader.string('dtype')];
  const threads = reader.number('threads');
  const count = Number(reader.optional('sessions', '1'));
  const spinning = reader.optional('spinning', 'no') === 'yes';
  const shape = reader.raw('shape');
  if (!Array.isArray(shape)) throw new DiptychError('BAD_OPTION', 'expected a list', { input: 'shape' });
  const dims = shape.map(Number);
  const bytes = await readFile(reader.string('data'));
  const each = Math.max(1, Math.floor(threads / count));
  const sessions: Repeated[] = [];
  while (sessions.length < count) {
    const session = await openSession(file, { device: 'cpu', threads: each, spinning });
    sessions.push(new Repeated(session, tensorOver(Uint8Array.from(bytes).buffer, dtype, dims)));
  }
  let found: HostTensor | undefined;
  return {
    settings: `onnxruntime-node, ${String(count)} session(s) in worker threads, ${String(each)} encoder thread(s) each, spinning ${spinning ? 'on' : 'off'}, batch ${String(dims[0])}`,
    run: async () => {
      [found] = await Promise.all(sessions.map((session) => session.run(input, output)));
    },
    output: () => {
      if (found === undefined || !(found.data instanceof Float32Array)) throw new Error('no float output');
      return { data: found.data, shape: found.dims };
    },
    close: async () => {
      await Promise.all(sessions.map((session) => session.close()));
    },
  };
}
