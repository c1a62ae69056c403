import { DiptychError, toDiptychError } from '../errors.js';
import type { Device } from '../options.js';
import { SessionGroup } from './group.js';
import type { SessionDevice, SessionHost } from './host.js';
import { chooseDevices, preloadCuda } from './providers.js';
import { openSession } from './worker-session.js';

type Devices = readonly [SessionDevice, ...SessionDevice[]];

export interface TowerOptions {
  readonly device: Device;
  readonly threads: number;
  readonly onWarning: (message: string) => void;
}

/** The session of one graph, opened at first use and kept; a failed opening is tried again at the next use. */
export class TowerSession {
  readonly #file: string;
  readonly #options: TowerOptions;
  #threads: number;
  #opening: Promise<SessionHost> | null = null;
  #devices: Devices | null = null;
  #retuning: Promise<void> | null = null;
  #closed = false;

  constructor(file: string, options: TowerOptions) {
    this.#file = file;
    this.#options = options;
    this.#threads = options.threads;
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

  /** Where it runs, a session each; before it is opened: where it will be tried. Throws DEVICE_UNAVAILABLE. */
  get devices(): Devices {
    this.#devices ??= chooseDevices(this.#options.device);
    return this.#devices;
  }

  /**
   * Opens the graph again with another number of threads, beside the session in use, which takes over once it is
   * open. Where that fails, all stays as it was.
   */
  retune(threads: number): void {
    if (this.#closed || this.#opening === null || threads === this.#threads) return;
    const [before, last] = [this.#opening, this.#retuning ?? Promise.resolve()];
    this.#threads = threads;
    this.#retuning = last
      .then(async () => {
        const session = await this.#group(this.devices);
        if (this.#closed) {
          await session.close();
          return;
        }
        this.#opening = Promise.resolve(session);
        await (await before).close();
      })
      .catch(() => undefined);
  }

  async #group(devices: Devices): Promise<SessionHost> {
    const open = (device: SessionDevice): Promise<SessionHost> =>
      openSession(this.#file, { device, threads: this.#threads, spinning: false });
    const [first, ...others] = devices;
    if (others.length === 0) return open(first);
    const opened = await Promise.allSettled(devices.map(open));
    const hosts = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = opened.find((result) => result.status === 'rejected');
    const [one, ...more] = hosts;
    if (failed === undefined && one !== undefined) return new SessionGroup([one, ...more]);
    await Promise.all(hosts.map((host) => host.close()));
    throw toDiptychError(failed?.reason, 'DEVICE_UNAVAILABLE', this.#file);
  }

  async #open(): Promise<SessionHost> {
    const { device, onWarning } = this.#options;
    const { devices } = this;
    if (devices[0] === 'cpu') return this.#group(devices);
    try {
      preloadCuda();
      return await this.#group(devices);
    } catch (thrown) {
      const error = toDiptychError(thrown, 'DEVICE_UNAVAILABLE', device);
      if (device !== 'auto') {
        throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${error.message}`, {
          input: device,
          cause: error,
        });
      }
      onWarning(`CUDA cannot be used, going on with the CPU: ${error.message}`);
      this.#devices = ['cpu'];
      return this.#group(['cpu']);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#retuning;
    const opening = this.#opening;
    this.#opening = null;
    if (opening === null) return;
    const session = await opening.catch(() => null);
    await session?.close();
  }
}
