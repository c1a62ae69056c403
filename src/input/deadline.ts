/** Aborts its signal after a time, in which pauses do not count, or with another signal. Has to be ended. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  #leftMs: number;
  #since = 0;
  #timer: NodeJS.Timeout | null = null;
  #passed = false;
  readonly #onOuter = (): void => {
    this.#controller.abort(this.#outer?.reason);
  };

  constructor(milliseconds: number, outer?: AbortSignal) {
    this.#leftMs = milliseconds;
    this.#outer = outer;
    if (outer?.aborted === true) this.#onOuter();
    outer?.addEventListener('abort', this.#onOuter, { once: true });
    this.resume();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it was time that ended it. */
  get passed(): boolean {
    return this.#passed;
  }

  pause(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#leftMs -= performance.now() - this.#since;
  }

  resume(): void {
    if (this.#timer !== null) return;
    this.#since = performance.now();
    const pass = (): void => {
      this.#passed = true;
      this.#controller.abort(new Error('the time is over'));
    };
    this.#timer = setTimeout(pass, Math.max(0, this.#leftMs));
  }

  end(): void {
    this.pause();
    this.#outer?.removeEventListener('abort', this.#onOuter);
  }
}
