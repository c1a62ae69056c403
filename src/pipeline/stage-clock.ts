import type { StageSeconds } from './types.js';

/** Stages in the order of the data's way. `write` is only met where results go to files. */
export const STAGES = ['read', 'preprocess', 'tokenize', 'encode', 'write'] as const;
export type Stage = (typeof STAGES)[number];

/** One piece of work of a stage, for traces. Times as of `performance.now()`. */
export interface StageSpan {
  readonly stage: Stage;
  /** image or text where the stage has two kinds, else empty. */
  readonly kind: string;
  /** Pieces of one stage that overlap are in different lanes, numbered from 0. */
  readonly lane: number;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly items: number;
}

interface Busy {
  active: number;
  sinceMs: number;
  readonly lanes: boolean[];
}

/** Time inside one tower's encoders. */
export interface EncoderTime {
  /** Of all sessions together. */
  seconds: number;
  /** In which all of them were at work, taken together: the sum of each run's share of them. */
  fullSeconds: number;
  /** Sessions that shared the work last. */
  sessions: number;
}

/**
 * How long each stage was at work: the time in which at least one piece of it was in hand, so that no stage can be busy
 * for longer than the run took, and the one that comes nearest to it is the bottleneck.
 */
export class StageClock {
  readonly #seconds: StageSeconds = { read: 0, preprocess: 0, tokenize: 0, encode: 0, write: 0 };
  readonly encoders: Record<'image' | 'text', EncoderTime> = {
    image: { seconds: 0, fullSeconds: 0, sessions: 1 },
    text: { seconds: 0, fullSeconds: 0, sessions: 1 },
  };
  /** Told of every piece of work once it is done. */
  onSpan: ((span: StageSpan) => void) | null = null;
  readonly #busy = new Map<Stage, Busy>();

  /** Seconds by stage until now: an encoder with a queue may be at work from the first batch to the last. */
  get seconds(): StageSeconds {
    const until = { ...this.#seconds };
    const nowMs = performance.now();
    for (const [stage, { active, sinceMs }] of this.#busy) {
      if (active > 0) until[stage] += (nowMs - sinceMs) / 1000;
    }
    return until;
  }

  /** Begins a piece of work; the function that comes back ends it (calling it again changes nothing). */
  start(stage: Stage, kind = '', items = 0): () => void {
    const beganMs = performance.now();
    const busy = this.#busy.get(stage) ?? { active: 0, sinceMs: 0, lanes: [] };
    this.#busy.set(stage, busy);
    if (busy.active++ === 0) busy.sinceMs = beganMs;
    const free = busy.lanes.indexOf(false);
    const lane = free === -1 ? busy.lanes.length : free;
    busy.lanes[lane] = true;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      const endedMs = performance.now();
      busy.lanes[lane] = false;
      if (--busy.active === 0) this.#seconds[stage] += (endedMs - busy.sinceMs) / 1000;
      this.onSpan?.({ stage, kind, lane, beganMs, endedMs, items });
    };
  }

  /** Adds work that was timed elsewhere. */
  add(stage: Stage, milliseconds: number): void {
    this.#seconds[stage] += milliseconds / 1000;
  }

  /** Notes the time of a run as the encoder's own thread measured it. */
  encoded(kind: 'image' | 'text', milliseconds: number, sessions = 1): void {
    const time = this.encoders[kind];
    time.seconds += milliseconds / 1000;
    time.fullSeconds += milliseconds / 1000 / sessions;
    time.sessions = sessions;
  }
}
