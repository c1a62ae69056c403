import { join } from 'node:path';
import { photos } from '../data.js';
import type { BenchSettings, CasePlan, SubjectPlan, Suite } from '../types.js';

function started(name: string, what: string, { model, scratch }: BenchSettings): SubjectPlan {
  return {
    name,
    role: what === 'node' ? 'limit' : 'own',
    host: { kind: 'diptych', threads: 1 },
    job: 'start',
    params: {
      what,
      model: model ?? 'diptych-mini',
      file: photos('500x375')[0] ?? '',
      out: join(scratch, 'started'),
    },
    expect: 'skip',
  };
}

/** A process of its own each time: Node.js alone, our modules, one photo embedded. */
export const startSuite: Suite = {
  name: 'start',
  title: 'Start-up',
  plan: (settings) => {
    const name = settings.model ?? 'diptych-mini';
    const only: CasePlan = {
      suite: 'start',
      name: `a process, warm disk, ${name}`,
      unit: 's',
      quantity: 'seconds',
      work: 1,
      subjects: [
        started('Node.js alone', 'node', settings),
        started('import', 'import', settings),
        started('first embedding', 'embed', settings),
        started('diptych embed, one photo to files', 'command', settings),
      ],
      check: null,
      bars: [],
      limits: [],
    };
    return Promise.resolve([only]);
  },
};

/** Growth of the resident set over many images. */
export const memorySuite: Suite = {
  name: 'memory',
  title: 'Memory',
  plan: ({ model, smoke, threads }) => {
    const files = photos('500x375');
    const rounds = smoke ? 4 : 500;
    const only: CasePlan = {
      suite: 'memory',
      name: `growth over ${String(rounds * files.length)} images, ${model ?? 'diptych-mini'}`,
      unit: 'MiB',
      quantity: 'value',
      work: 1,
      subjects: [
        {
          name: 'diptych',
          role: 'own',
          host: { kind: 'diptych', threads },
          job: 'memory',
          params: { model: model ?? 'diptych-mini', files, threads, rounds },
          expect: 'skip',
        },
      ],
      check: null,
      bars: [],
      limits: [],
      maxSamples: 1,
    };
    return Promise.resolve([only]);
  },
};
