import type { SingleBar } from 'cli-progress';
import type { Writable } from 'node:stream';

export type ProgressMode = 'auto' | 'bar' | 'json' | 'none';

export interface ProgressUpdate {
  readonly done: number;
  readonly failed?: number;
  /** Those of them that were done before, which say nothing of the rate. */
  readonly skipped?: number;
  /** Seconds spent per stage so far; the largest is the bottleneck. */
  readonly stages?: Readonly<Record<string, number>>;
}

/** Shows how far a long command is, on standard error. */
export interface Progress {
  /** False where nothing is shown. */
  readonly shown: boolean;
  /** Tells how many there are, once that is known. */
  total(count: number): void;
  update(update: ProgressUpdate): void;
  /** Leaves the last state on screen. Safe to call twice. */
  end(): void;
}

/** Sparse lines come first after this, then at growing intervals. */
const FIRST_LINE_MS = 2000;
const LONGEST_INTERVAL_MS = 60_000;
const JSON_INTERVAL_MS = 200;

function bottleneck(stages: Readonly<Record<string, number>> | undefined): string | null {
  const ranked = Object.entries(stages ?? {}).sort((a, b) => b[1] - a[1]);
  const [first] = ranked;
  return first === undefined || first[1] === 0 ? null : first[0];
}

class State {
  readonly began = performance.now();
  done = 0;
  failed = 0;
  skipped = 0;
  total: number | null = null;
  bottleneck: string | null = null;

  take(update: ProgressUpdate): void {
    this.done = update.done;
    this.failed = update.failed ?? 0;
    this.skipped = update.skipped ?? 0;
    this.bottleneck = bottleneck(update.stages);
  }

  get seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  get rate(): number {
    return this.seconds > 0 ? (this.done - this.skipped) / this.seconds : 0;
  }

  get etaSeconds(): number | null {
    return this.total === null || this.rate === 0 ? null : Math.max(0, (this.total - this.done) / this.rate);
  }

  /** "120/500, 45.2/s, 2 failed, encode-bound". */
  get line(): string {
    const parts = [
      this.total === null ? String(this.done) : `${String(this.done)}/${String(this.total)}`,
      `${this.rate.toFixed(1)}/s`,
    ];
    if (this.failed > 0) parts.push(`${String(this.failed)} failed`);
    if (this.bottleneck !== null) parts.push(`${this.bottleneck}-bound`);
    return parts.join(', ');
  }
}

const silent: Progress = {
  shown: false,
  total: () => undefined,
  update: () => undefined,
  end: () => undefined,
};

function bar(what: string, stream: Writable): Progress {
  const state = new State();
  let drawn: SingleBar | null = null;
  let started = false;
  let ended = false;
  // Beside the work: its modules would delay the first result.
  const loading = import('cli-progress').then((module) => {
    drawn = new module.SingleBar({
      stream,
      format: `${what} [{bar}] {line} {eta_text}`,
      hideCursor: true,
      clearOnComplete: false,
      barsize: 24,
      fps: 8,
    });
  });
  // Without its package there is no bar, but there is a result.
  loading.catch(() => undefined);
  const show = (): void => {
    if (drawn === null) return;
    const eta = state.etaSeconds;
    const payload = { line: state.line, eta_text: eta === null ? '' : `ETA ${duration(eta)}` };
    // With no total known the bar shows that it is alive, not how far it is.
    const total = state.total ?? Math.max(1, state.done * 2);
    if (started) {
      drawn.setTotal(total);
      drawn.update(Math.min(state.done, total), payload);
    } else {
      started = true;
      drawn.start(total, state.done, payload);
    }
  };
  return {
    shown: true,
    total: (count) => {
      state.total = count;
    },
    update: (update) => {
      state.take(update);
      show();
    },
    end: () => {
      if (ended) return;
      ended = true;
      if (!started) return;
      state.total = state.done;
      show();
      drawn?.stop();
    },
  };
}

function lines(what: string, stream: Writable): Progress {
  const state = new State();
  let interval = FIRST_LINE_MS;
  let next = state.began + interval;
  return {
    shown: true,
    total: (count) => {
      state.total = count;
    },
    update: (update) => {
      state.take(update);
      const now = performance.now();
      if (now < next) return;
      interval = Math.min(LONGEST_INTERVAL_MS, interval * 2);
      next = now + interval;
      const eta = state.etaSeconds;
      stream.write(`${what}: ${state.line}${eta === null ? '' : `, ETA ${duration(eta)}`}\n`);
    },
    end: () => undefined,
  };
}

function json(what: string, stream: Writable): Progress {
  const state = new State();
  let last = -Infinity;
  let written = -1;
  const write = (): void => {
    written = state.done;
    const { done, failed, total, rate, seconds, bottleneck: stage } = state;
    const eta = state.etaSeconds;
    const line = { progress: what, done, total, failed, seconds, rate, etaSeconds: eta, bottleneck: stage };
    stream.write(`${JSON.stringify(line)}\n`);
  };
  return {
    shown: true,
    total: (count) => {
      state.total = count;
    },
    update: (update) => {
      state.take(update);
      const now = performance.now();
      if (now - last < JSON_INTERVAL_MS) return;
      last = now;
      write();
    },
    end: () => {
      if (written !== state.done) write();
    },
  };
}

/** "1:02:03" or "2:03". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const rest = `${hours > 0 ? pad(Math.floor(whole / 60) % 60) : String(Math.floor(whole / 60))}:${pad(whole % 60)}`;
  return hours > 0 ? `${String(hours)}:${rest}` : rest;
}

/** auto: a bar on a terminal, sparse lines elsewhere. */
export function openProgress(
  mode: ProgressMode,
  what: string,
  stream: Writable & { readonly isTTY?: boolean },
): Progress {
  if (mode === 'none') return silent;
  if (mode === 'json') return json(what, stream);
  if (mode === 'bar' || stream.isTTY === true) return bar(what, stream);
  return lines(what, stream);
}
