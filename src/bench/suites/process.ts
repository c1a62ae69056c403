import { join } from 'node:path';
import { photos } from '../data.js';
import { benchModel, modelName, towerMissing, withTower } from '../model.js';
import type { BenchSettings, CasePlan, SubjectPlan, Suite } from '../types.js';

function started(name: string, what: string, settings: BenchSettings): SubjectPlan {
  return {
    name,
    role: what === 'node' ? 'limit' : 'own',
    host: { kind: 'diptych', threads: 1 },
    job: 'start',
    params: {
      what,
      model: modelName(settings),
      file: photos('500x375')[0] ?? '',
      out: join(settings.scratch, 'started'),
    },
    expect: 'skip',
  };
}

/** A process of its own each time: Node.js alone, our modules, one photo embedded. */
export const startSuite: Suite = {
  name: 'start',
  title: 'Start-up',
  plan: async (settings) => {
    const missing = towerMissing(await benchModel(settings), 'image');
    const embedding = [
      started('first embedding', 'embed', settings),
      started('diptych embed, one photo to files', 'command', settings),
    ];
    const only: CasePlan = {
      suite: 'start',
      name: `a process, warm disk, ${modelName(settings)}`,
      unit: 's',
      quantity: 'seconds',
      work: 1,
      subjects: [
        started('Node.js alone', 'node', settings),
        started('import', 'import', settings),
        ...(missing === null ? embedding : []),
      ],
      check: null,
      bars: [],
      limits: [],
      leftOut: missing === null ? [] : embedding.map(({ name }) => ({ subject: name, reason: missing })),
    };
    return [only];
  },
};

/** Growth of the resident set over many images. */
export const memorySuite: Suite = {
  name: 'memory',
  title: 'Memory',
  plan: async (settings) => {
    const { smoke, threads } = settings;
    const model = modelName(settings);
    const files = photos('500x375');
    const rounds = smoke ? 4 : 500;
    const only: CasePlan = {
      suite: 'memory',
      name: `growth over ${String(rounds * files.length)} images, ${model}`,
      unit: 'MiB',
      quantity: 'value',
      work: 1,
      subjects: [
        {
          name: 'diptych',
          role: 'own',
          host: { kind: 'diptych', threads },
          job: 'memory',
          params: { model, files, threads, rounds },
          expect: 'skip',
        },
      ],
      check: null,
      bars: [],
      limits: [],
      maxSamples: 1,
    };
    return [withTower(await benchModel(settings), 'image', only)];
  },
};
