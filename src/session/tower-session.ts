import { DiptychError, toDiptychError } from '../errors.js';
import type { Device } from '../options.js';
import { SessionGroup } from './group.js';
import type { SessionDevice, SessionHost } from './host.js';
import { chooseDevices, plainCudaError, preloadCuda } from './providers.js';
import { openSession } from './worker-session.js';

type Devices = readonly [SessionDevice, ...SessionDevice[]];

export interface TowerOptions {
  readonly device: Device;
  readonly threads: number;
  readonly onWarning: (message: string) => void;
}

/** How the CPU runs a graph: `sessions` side by side, each with its copy of the weights and its share of `threads`. */
export interface EncoderLayout {
  readonly sessions: number;
  /** Encoder threads of all sessions together; a multiple of `sessions`. */
  readonly threads: number;
}

/** The session of one graph, opened at first use and kept; a failed opening is tried again at the next use. */
export class TowerSession {
  readonly #file: string;
  readonly #options: TowerOptions;
  #layout: EncoderLayout;
  #opening: Promise<SessionGroup> | null = null;
  /** What has come of `opening`. */
  #group: SessionGroup | null = null;
  #devices: Devices | null = null;
  #retuning: Promise<void> | null = null;
  #closed = false;

  constructor(file: string, options: TowerOptions) {
    this.#file = file;
    this.#options = options;
    this.#layout = { sessions: 1, threads: options.threads };
  }

  get(): Promise<SessionHost> {
    if (this.#closed)
      return Promise.reject(new DiptychError('CLOSED', 'the model was closed', { input: this.#file }));
    this.#opening ??= this.#open()
      .then((group) => (this.#group = group))
      .catch((error: unknown) => {
        this.#opening = null;
        throw error;
      });
    return this.#opening;
  }

  /** Where it runs; before it is opened: where it will be tried. Throws DEVICE_UNAVAILABLE. */
  get devices(): Devices {
    this.#devices ??= chooseDevices(this.#options.device);
    return this.#devices;
  }

  /** Sessions that runs are shared among now. */
  get sessions(): number {
    return this.#group?.size ?? this.devices.length;
  }

  /**
   * Opens the graph again in another layout: its first session beside those in use, which it takes over from, the
   * others one by one once those are closed, so that no more copies of the weights are held at a time than the
   * larger layout needs, two at least. Resolves when all are there, or when that failed and all is as it was. CPU only.
   */
  retune(layout: EncoderLayout): Promise<void> {
    const last = this.#retuning ?? Promise.resolve();
    this.#retuning = last.then(async () => {
      const before = this.#layout;
      const same = layout.threads === before.threads && layout.sessions === before.sessions;
      if (same || this.#closed || this.#opening === null || this.devices[0] !== 'cpu') return;
      await this.#take(layout);
      // Some are missing: back to what fitted.
      if (this.#layout === layout && this.sessions < layout.sessions) await this.#take(before);
    });
    return this.#retuning;
  }

  /** Leaves all as it is where the first session cannot be opened, and fewer than wanted where another cannot. */
  async #take(layout: EncoderLayout): Promise<void> {
    const { sessions, threads } = layout;
    const open = (): Promise<SessionHost> => this.#session('cpu', Math.floor(threads / sessions));
    try {
      const before = await this.get();
      const group = new SessionGroup([await open()]);
      this.#group = group;
      this.#opening = Promise.resolve(group);
      this.#layout = layout;
      await before.close();
      while (group.size < sessions && !this.#closed) group.add(await open());
    } catch {
      // Memory, most likely; what is open goes on.
    }
  }

  #session(device: SessionDevice, threads: number): Promise<SessionHost> {
    return openSession(this.#file, { device, threads, spinning: false });
  }

  async #sessionPerDevice(devices: Devices): Promise<SessionGroup> {
    const opened = await Promise.allSettled(
      devices.map((device) => this.#session(device, this.#layout.threads)),
    );
    const hosts = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = opened.find((result) => result.status === 'rejected');
    const [one, ...more] = hosts;
    if (failed === undefined && one !== undefined) return new SessionGroup([one, ...more]);
    await Promise.all(hosts.map((host) => host.close()));
    throw toDiptychError(failed?.reason, 'DEVICE_UNAVAILABLE', this.#file);
  }

  async #open(): Promise<SessionGroup> {
    const { device, onWarning } = this.#options;
    const { devices } = this;
    if (devices[0] === 'cpu') return this.#sessionPerDevice(devices);
    try {
      preloadCuda();
      return await this.#sessionPerDevice(devices);
    } catch (thrown) {
      const error = plainCudaError(toDiptychError(thrown, 'DEVICE_UNAVAILABLE', device));
      if (device !== 'auto') {
        throw new DiptychError('DEVICE_UNAVAILABLE', `CUDA cannot be used: ${error.message}`, {
          input: device,
          cause: error,
        });
      }
      onWarning(`CUDA cannot be used, going on with the CPU: ${error.message}`);
      this.#devices = ['cpu'];
      return this.#sessionPerDevice(['cpu']);
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
