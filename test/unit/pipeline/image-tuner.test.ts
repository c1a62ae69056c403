import { describe, expect, test } from '@jest/globals';
import { ImageTuner, type Layout } from '#diptych/pipeline/image-tuner.js';
import { tunerChoices, type TunerSituation } from '#diptych/pipeline/tuner-choices.js';

const MIB = 2 ** 20;
const situation: TunerSituation = {
  batchSize: 'auto',
  fixedBatch: null,
  threads: 8,
  workers: 8,
  open: { threads: true, workers: true },
  cuda: false,
  imageBytes: 3 * 224 * 224 * 4,
  graphBytes: 90 * MIB,
  memoryBytes: 16 * 1024 * MIB,
};

/** Runs full batches through a tuner; `cost` is the encoder's time per image. */
function drive(tuner: ImageTuner, cost: (batch: number, layout: Layout) => number): void {
  let now = 0;
  for (let run = 0; run < 10_000 && !tuner.settled; run++) {
    const { batchSize, layout } = tuner;
    const spent = batchSize * cost(batchSize, layout);
    now += spent;
    tuner.encoded(batchSize, spent, now);
  }
}

describe('ImageTuner', () => {
  const layouts = [
    { threads: 2, workers: 2 },
    { threads: 2, workers: 1 },
    { threads: 1, workers: 2 },
  ];

  test('takes the batch size and the layout that measure best', () => {
    const asked: Layout[] = [];
    const tuner = new ImageTuner({ batches: [8, 16, 32], layouts }, (layout) => asked.push(layout));
    drive(tuner, (batch, { workers }) => (batch === 16 ? 8 : 10) * (workers === 1 ? 0.8 : 1));
    expect(tuner.settled).toBe(true);
    expect(tuner.batchSize).toBe(16);
    expect(tuner.layout).toEqual({ threads: 2, workers: 1 });
    // Other encoder threads are asked for once to be tried, and once to be given back.
    expect(asked).toEqual([
      { threads: 1, workers: 2 },
      { threads: 2, workers: 1 },
    ]);
  });

  test('stays with what it began with where the gain is within the noise', () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], layouts });
    drive(tuner, (batch, { workers }) => 10 - batch / 100 - workers / 100);
    expect(tuner.batchSize).toBe(8);
    expect(tuner.layout).toEqual(layouts[0]);
  });

  test('a quick encoder gets large batches: handing one over costs the same for any size', () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], layouts: layouts.slice(0, 1) });
    drive(tuner, () => 0.02);
    expect(tuner.batchSize).toBe(32);
  });

  test('a slow encoder ends the trials of batch sizes after three seconds', () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], layouts: layouts.slice(0, 1) });
    tuner.encoded(8, 2000, 2000);
    tuner.encoded(8, 2000, 4000);
    expect(tuner.settled).toBe(true);
    expect(tuner.batchSize).toBe(8);
  });

  test('one choice is no trial; a batch that failures made smaller counts for none', () => {
    expect(new ImageTuner({ batches: [4], layouts: layouts.slice(0, 1) }).settled).toBe(true);
    const tuner = new ImageTuner({ batches: [8, 16], layouts: layouts.slice(0, 1) });
    for (let run = 0; run < 20; run++) tuner.encoded(7, 1);
    expect(tuner.batchSize).toBe(8);
    expect(tuner.settled).toBe(false);
  });
});

describe('tunerChoices', () => {
  test('on the CPU: small batches, fewer decoders, fewer encoder threads', () => {
    expect(tunerChoices(situation)).toEqual({
      batches: [8, 16, 32],
      layouts: [
        { threads: 8, workers: 8 },
        { threads: 8, workers: 4 },
        { threads: 4, workers: 8 },
      ],
    });
  });

  test('what the user gave, and what the graph demands, is not tried', () => {
    const given = { ...situation, batchSize: 5, open: { threads: false, workers: false } };
    expect(tunerChoices(given)).toEqual({ batches: [5], layouts: [{ threads: 8, workers: 8 }] });
    expect(tunerChoices({ ...situation, fixedBatch: 4 }).batches).toEqual([4]);
  });

  test('a large graph is not opened twice', () => {
    const { layouts } = tunerChoices({ ...situation, graphBytes: 1200 * MIB });
    expect(layouts.every(({ threads }) => threads === 8)).toBe(true);
  });

  test('within the memory of the container', () => {
    expect(tunerChoices({ ...situation, memoryBytes: 512 * MIB }).batches).toEqual([8, 16]);
    expect(tunerChoices({ ...situation, memoryBytes: 64 * MIB }).batches).toEqual([2]);
  });

  test('on CUDA: the largest bucket first, threads left alone', () => {
    expect(tunerChoices({ ...situation, cuda: true })).toEqual({
      batches: [128, 32],
      layouts: [{ threads: 8, workers: 8 }],
    });
  });
});
