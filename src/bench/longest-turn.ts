import { readFileSync } from 'node:fs';

/**
 * Milliseconds that the main thread has been on a core so far. Unlike the clock, this leaves out the time in which
 * other threads and processes had the core.
 */
export function mainThreadMs(): number {
  const status = readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8');
  return Number(status.split(' ')[0]) / 1e6;
}

/** Milliseconds of the longest stretch of work between two beats of the event loop, `everyMs` apart, while `work` runs. */
export async function longestTurn(work: () => Promise<unknown>, everyMs: number): Promise<number> {
  let longest = 0;
  let before = mainThreadMs();
  const beat = setInterval(() => {
    const now = mainThreadMs();
    longest = Math.max(longest, now - before);
    before = now;
  }, everyMs);
  try {
    await work();
  } finally {
    clearInterval(beat);
  }
  return longest;
}
