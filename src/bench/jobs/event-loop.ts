import { readFileSync } from 'node:fs';
import { loadModel, type Model } from '../../engine.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';

/**
 * Milliseconds that the main thread has been on a core so far. Unlike the clock, this leaves out the time in which
 * other threads and processes had the core.
 */
function mainThreadMs(): number {
  const status = readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'utf8');
  return Number(status.split(' ')[0]) / 1e6;
}

/** The longest stretch of work between two turns of the event loop while `work` runs. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let before = mainThreadMs();
  const beat = setInterval(() => {
    const now = mainThreadMs();
    longest = Math.max(longest, now - before);
    before = now;
  }, 1);
  try {
    await work();
  } finally {
    clearInterval(beat);
  }
  return longest;
}

/** How long the event loop is held at most while many images or texts are embedded, the opening of the tower included. */
export async function eventLoopJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [inputs, kind] = [reader.strings('inputs'), reader.string('kind')];
  const name = reader.string('model');
  let longest = 0;
  let model: Model | null = null;
  await Promise.resolve();
  return {
    settings: `longest turn of the main thread, ${String(inputs.length)} ${kind}`,
    run: async () => {
      const loaded = await loadModel(name, { device: 'cpu', onWarning: () => undefined });
      model = loaded;
      longest = await longestTurn(() =>
        kind === 'images' ? loaded.embedImages(inputs) : loaded.embedTexts(inputs),
      );
      await loaded.close();
    },
    value: () => longest,
    close: () => model?.close() ?? Promise.resolve(),
  };
}
