import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { photos } from '../data.js';
import { smallImages } from '../small-images.js';
import { allowed } from '../limits.js';
import { benchModel, modelName, withTower } from '../model.js';
import type { BenchSettings, CasePlan, Suite } from '../types.js';

/** The event loop may be held for this long (issue: "no gap over 20 ms"). */
const MOST_MS = 20;

async function loopCase(
  what: string,
  params: Readonly<Record<string, unknown>>,
  settings: BenchSettings,
): Promise<CasePlan> {
  const name = modelName(settings);
  return withTower(await benchModel(settings), params['kind'] === 'texts' ? 'text' : 'image', {
    suite: 'event-loop',
    name: `longest turn over ${what}, ${name}`,
    unit: 'ms',
    quantity: 'value',
    work: 1,
    subjects: [
      {
        name: 'diptych',
        role: 'own',
        host: { kind: 'diptych' },
        job: 'event-loop',
        params: { model: name, ...params },
        expect: 'skip',
      },
      allowed(MOST_MS),
    ],
    check: null,
    bars: [
      {
        text: 'of what is allowed',
        of: 'diptych',
        over: 'allowed',
        quantity: 'time',
        atMost: 1,
      },
    ],
    limits: [],
    maxSamples: 5,
  });
}

/** How long the main thread is held while it embeds. */
export const eventLoopSuite: Suite = {
  name: 'event-loop',
  title: 'Event loop',
  plan: async (settings) => {
    const files = photos('500x375');
    const count = settings.smoke ? 8 : 200;
    const images = Array.from({ length: count }, (_, i) => files[i % files.length] ?? '');
    const texts = Array.from(
      { length: settings.smoke ? 16 : 2000 },
      (_, i) => `a photo of ${String(i)} cats on a red sofa, taken in ${String(1900 + (i % 120))}`,
    );
    const folder = join(settings.scratch, 'event-loop');
    await mkdir(folder, { recursive: true });
    const rows = settings.smoke ? 16 : 2000;
    const small = await smallImages(folder, rows);
    const run = (input: string, format: 'npy' | 'parquet' | 'jsonl'): Promise<CasePlan> =>
      loopCase(
        `embed of ${String(rows)} images of a .${input.split('.').at(-1) ?? ''} to ${format}`,
        { kind: 'run', inputs: [input], format, scratch: folder },
        settings,
      );
    return Promise.all([
      loopCase(`${String(count)} images`, { kind: 'images', inputs: images }, settings),
      loopCase(`${String(texts.length)} texts`, { kind: 'texts', inputs: texts }, settings),
      run(small.tar, 'npy'),
      run(small.parquet, 'parquet'),
      run(small.jsonl, 'jsonl'),
    ]);
  },
};
