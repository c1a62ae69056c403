import type { HostTensor, RunOptions, SessionHost, SessionResult } from './host.js';

interface Member {
  readonly host: SessionHost;
  pending: number;
}

/** Several sessions of one graph (a GPU each, or a share of the cores) as one: each run goes to the one with the least to do. */
export class SessionGroup implements SessionHost {
  readonly #members: Member[];

  constructor(hosts: readonly [SessionHost, ...SessionHost[]]) {
    this.#members = hosts.map((host) => ({ host, pending: 0 }));
    this.inputNames = hosts[0].inputNames;
    this.outputNames = hosts[0].outputNames;
  }

  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];

  get size(): number {
    return this.#members.length;
  }

  /** Takes in another session of the same graph, which gets the next run. */
  add(host: SessionHost): void {
    this.#members.push({ host, pending: 0 });
  }

  async run(feeds: Readonly<Record<string, HostTensor>>, options: RunOptions): Promise<SessionResult> {
    const member = this.#members.reduce((least, other) => (other.pending < least.pending ? other : least));
    member.pending++;
    try {
      return await member.host.run(feeds, options);
    } finally {
      member.pending--;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ host }) => host.close()));
  }
}
