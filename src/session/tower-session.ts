import { DiptychError, toDiptychError } from '../errors.js';
import type { Device } from '../options.js';
import type { SessionDevice, SessionHost } from './host.js';
import { chooseDevice, preloadCuda } from './providers.js';
import { openSession } from './worker-session.js';

export interface TowerOptions {
  readonly device: Device;
  readonly threads: number;
  readonly onWarning: (message: string) => void;
}

/** The session of one graph, opened at first use and kept; a failed opening is tried again at the next use. */
export class TowerSession {
  readonly #file: string;
  readonly #options: TowerOptions;
  #opening: Promise<SessionHost> | null = null;
  #closed = false;

  constructor(file: string, options: TowerOptions) {
    this.#file = file;
    this.#options = options;
  }

  get(): Promise<SessionHost> {
    if (this.#closed)
      return Promise.reject(new DiptychError('CLOSED', 'the model was closed', { input: this.#file }));
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<SessionHost> {
    const { device, threads, onWarning } = this.#options;
    const chosen = chooseDevice(device);
    const open = (where: SessionDevice): Promise<SessionHost> =>
      openSession(this.#file, { device: where, threads, spinning: false });
    if (chosen === 'cpu') return open('cpu');
    try {
      preloadCuda();
      return await open(chosen);
    } catch (thrown) {
      const error = toDiptychError(thrown, 'DEVICE_UNAVAILABLE', device);
      if (device !== 'auto') {
        throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${error.message}`, {
          input: device,
          cause: error,
        });
      }
      onWarning(`CUDA cannot be used, going on with the CPU: ${error.message}`);
      return open('cpu');
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = this.#opening;
    this.#opening = null;
    if (opening === null) return;
    const session = await opening.catch(() => null);
    await session?.close();
  }
}
