import { AbsentError, Host } from './host.js';
import type { HostPlan } from './types.js';

/** Hosts by what they were started with, shared by the cases of a suite. */
export class HostPool {
  readonly #hosts = new Map<string, Promise<Host>>();
  /** Engines that are not installed: asked once, not once per case. */
  readonly #absent = new Map<string, AbsentError>();

  async get(plan: HostPlan): Promise<Host> {
    const key = JSON.stringify(plan);
    const known = this.#absent.get(key);
    if (known !== undefined) throw known;
    const starting = this.#hosts.get(key) ?? Host.start(plan);
    this.#hosts.set(key, starting);
    try {
      return await starting;
    } catch (thrown) {
      this.#hosts.delete(key);
      if (thrown instanceof AbsentError) this.#absent.set(key, thrown);
      throw thrown;
    }
  }

  /** Ends every process. */
  async end(): Promise<void> {
    const all = await Promise.allSettled([...this.#hosts.values()]);
    this.#hosts.clear();
    for (const one of all) if (one.status === 'fulfilled') await one.value.end();
  }
}
