/** What all downloads of a command may hold together, beside the first of them. */
const MOST_HELD_BYTES = 128 * 1024 ** 2;

interface Line {
  held: number;
  /** In the order in which their bytes will be asked for. */
  readonly downloads: Set<Download>;
  wake: (() => void)[];
}

/** One download's place in line: it asks before it keeps bytes. */
export class Download {
  readonly #line: Line;
  readonly #most: number;
  #held = 0;

  constructor(line: Line, most: number) {
    this.#line = line;
    this.#most = most;
    line.downloads.add(this);
  }

  #fits(bytes: number): boolean {
    const [first] = this.#line.downloads;
    return first === this || this.#line.held + bytes <= this.#most;
  }

  /** Whether so many more bytes may be kept now: if so they count as kept. */
  take(bytes: number): boolean {
    if (!this.#fits(bytes)) return false;
    this.#held += bytes;
    this.#line.held += bytes;
    return true;
  }

  /** Resolves when {@link take} is worth another try. */
  async changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#line.wake.push(done);
    });
    signal.throwIfAborted();
  }

  /** What was kept has been thrown away: the download begins again, or has failed. */
  giveBack(): void {
    this.#line.held -= this.#held;
    this.#held = 0;
    this.#notify();
  }

  /** Its bytes are with whoever asked for them; the next in line is first now. */
  close(): void {
    this.#line.downloads.delete(this);
    this.giveBack();
  }

  #notify(): void {
    const waiting = this.#line.wake;
    this.#line.wake = [];
    for (const resolve of waiting) resolve();
  }
}

/**
 * Bounds what downloads hold together. Results are taken in the order of the downloads, so the first in line goes on
 * whatever the others hold: there is always one that nothing can stop, and they hold at most the bound and one whole
 * answer.
 */
export class DownloadRoom {
  readonly #line: Line = { held: 0, downloads: new Set(), wake: [] };
  readonly #most: number;

  constructor(mostBytes: number = MOST_HELD_BYTES) {
    this.#most = mostBytes;
  }

  /** The bytes that all downloads keep now. */
  get held(): number {
    return this.#line.held;
  }

  /** A place at the end of the line, which has to be closed. */
  open(): Download {
    return new Download(this.#line, this.#most);
  }
}
