import { photos } from '../data.js';
import { allowed } from '../limits.js';
import type { BenchSettings, CasePlan, Suite } from '../types.js';

/** The event loop may be held for this long (issue: "no gap over 20 ms"). */
const MOST_MS = 20;

function loopCase(kind: 'images' | 'texts', inputs: readonly string[], { model }: BenchSettings): CasePlan {
  const name = model ?? 'diptych-mini';
  return {
    suite: 'event-loop',
    name: `longest turn over ${String(inputs.length)} ${kind}, ${name}`,
    unit: 'ms',
    quantity: 'value',
    work: 1,
    subjects: [
      {
        name: 'diptych',
        role: 'own',
        host: { kind: 'diptych' },
        job: 'event-loop',
        params: { model: name, kind, inputs },
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
  };
}

/** How long the main thread is held while it embeds. */
export const eventLoopSuite: Suite = {
  name: 'event-loop',
  title: 'Event loop',
  plan: (settings) => {
    const files = photos('500x375');
    const count = settings.smoke ? 8 : 200;
    const images = Array.from({ length: count }, (_, i) => files[i % files.length] ?? '');
    const texts = Array.from(
      { length: settings.smoke ? 16 : 2000 },
      (_, i) => `a photo of ${String(i)} cats on a red sofa, taken in ${String(1900 + (i % 120))}`,
    );
    return Promise.resolve([loopCase('images', images, settings), loopCase('texts', texts, settings)]);
  },
};
