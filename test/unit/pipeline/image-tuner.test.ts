import { describe, expect, test } from '@jest/globals';
import { ImageTuner, type Layout } from '#diptych/pipeline/image-tuner.js';
import { sessionsWorth, tunerChoices, type TunerSituation } from '#diptych/pipeline/tuner-choices.js';

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
async function drive(tuner: ImageTuner, cost: (batch: number, layout: Layout) => number): Promise<void> {
  let now = 0;
  for (let run = 0; run < 10_000 && !tuner.settled; run++) {
    const { batchSize, layout } = tuner;
    const spent = batchSize * cost(batchSize, layout);
    now += spent;
    tuner.encoded(batchSize, spent, now);
    // Where another layout was asked for, it is there by now.
    await new Promise(setImmediate);
  }
}

describe('ImageTuner', () => {
  const start = { sessions: 1, threads: 2, workers: 2 };
  const layouts = [start, { ...start, workers: 1 }, { ...start, threads: 1 }];

  test('takes the batch size and the layout that measure best', async () => {
    const asked: Layout[] = [];
    const tuner = new ImageTuner({ batches: [8, 16, 32], start, layouts }, (layout) => {
      asked.push(layout);
      return Promise.resolve();
    });
    await drive(tuner, (batch, { workers }) => (batch === 16 ? 0.8 : 1) * (workers === 1 ? 0.8 : 1));
    expect(tuner.settled).toBe(true);
    expect(tuner.batchSize).toBe(16);
    expect(tuner.layout).toEqual({ ...start, workers: 1 });
    // Other encoder threads are asked for once to be tried, and once to be given back.
    expect(asked).toEqual([
      { ...start, threads: 1 },
      { ...start, workers: 1 },
    ]);
  });

  test('stays with the first where the gain is within the noise', async () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], start, layouts });
    await drive(tuner, (batch, { workers }) => 10 - batch / 100 - workers / 100);
    expect(tuner.batchSize).toBe(8);
    expect(tuner.layout).toEqual(layouts[0]);
  });

  test('tries layouts where the decoders keep a run busy, not where single images come now and then', () => {
    const asked = (gapMs: number): boolean => {
      let opened = false;
      const pair = { sessions: 2, threads: 1, workers: 2 };
      const tuner = new ImageTuner({ batches: [8], start, layouts: [pair] }, () => {
        opened = true;
        return Promise.resolve();
      });
      for (let batch = 0; batch < 200; batch++) tuner.encoded(8, 0.5, batch * gapMs);
      return opened;
    };
    expect(asked(10)).toBe(true);
    expect(asked(1000)).toBe(false);
  });

  test('a quick encoder gets large batches: handing one over costs the same for any size', async () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], start, layouts: [start] });
    await drive(tuner, () => 0.02);
    expect(tuner.batchSize).toBe(32);
  });

  test('a slow encoder ends the trials of batch sizes after three seconds', () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], start, layouts: [start] });
    tuner.encoded(8, 2000, 2000);
    tuner.encoded(8, 2000, 4000);
    expect(tuner.settled).toBe(true);
    expect(tuner.batchSize).toBe(8);
  });

  test('a slow encoder keeps small batches: larger ones could only take more memory', async () => {
    const tuner = new ImageTuner({ batches: [8, 16, 32], start, layouts: [start] });
    const seen = new Set<number>();
    await drive(tuner, (batch) => {
      seen.add(batch);
      return 20 / batch;
    });
    expect([...seen]).toEqual([8]);
  });

  test('a long run gets the sessions that share the threads, a short one never waits for them', async () => {
    const shared = { ...start, sessions: 2 };
    const asked: Layout[] = [];
    let opened = (): void => undefined;
    const tuner = new ImageTuner(
      { batches: [8], start, layouts: [shared, { ...shared, workers: 1 }] },
      (layout) => {
        asked.push(layout);
        return new Promise((resolve) => {
          opened = resolve;
        });
      },
    );
    tuner.encoded(8, 999, 999);
    expect(asked).toEqual([]);
    tuner.encoded(8, 1, 1000);
    expect(asked).toEqual([shared]);
    expect(tuner.layout).toEqual(shared);
    // Until the sessions are there, nothing that comes out counts for them.
    for (let now = 1100; now < 5000; now += 100) tuner.encoded(8, 100, now);
    expect(tuner.layout).toEqual(shared);
    opened();
    await new Promise(setImmediate);
    for (let now = 5000; now <= 6000; now += 100) tuner.encoded(8, 100, now);
    expect(tuner.layout).toEqual({ ...shared, workers: 1 });
  });

  test('one choice is no trial; a batch that failures made smaller counts for none', () => {
    expect(new ImageTuner({ batches: [4], start, layouts: [start] }).settled).toBe(true);
    const tuner = new ImageTuner({ batches: [8, 16], start, layouts: [start] });
    for (let run = 0; run < 20; run++) tuner.encoded(7, 1);
    expect(tuner.batchSize).toBe(8);
    expect(tuner.settled).toBe(false);
  });
});

describe('sessionsWorth', () => {
  const much = 64 * 1024 * MIB;

  test('copies of the weights stay within 384 MiB beside the first', () => {
    expect(sessionsWorth(2, 350 * MIB, much)).toBe(2);
    expect(sessionsWorth(2, 400 * MIB, much)).toBe(1);
    expect(sessionsWorth(8, 130 * MIB, much)).toBe(2);
    expect(sessionsWorth(8, 128 * MIB, much)).toBe(4);
  });

  test('and within an eighth of the memory', () => {
    expect(sessionsWorth(2, 90 * MIB, 512 * MIB)).toBe(1);
    expect(sessionsWorth(2, 60 * MIB, 512 * MIB)).toBe(2);
  });

  test('threads are dealt out evenly', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 9].map((threads) => sessionsWorth(threads, MIB, much))).toEqual([
      1, 2, 3, 4, 1, 3, 1, 3,
    ]);
  });
});

describe('tunerChoices', () => {
  const start = { sessions: 1, threads: 8, workers: 8 };

  test('on the CPU: small batches, fewer decoders, fewer encoder threads', () => {
    expect(tunerChoices(situation)).toEqual({
      batches: [8, 16, 32],
      start,
      layouts: [
        { sessions: 4, threads: 8, workers: 8 },
        { sessions: 4, threads: 8, workers: 4 },
        { sessions: 1, threads: 4, workers: 8 },
      ],
    });
  });

  test('what the user gave, and what the graph demands, is not tried', () => {
    const given = { ...situation, batchSize: 5, open: { threads: false, workers: false } };
    expect(tunerChoices(given)).toEqual({ batches: [5], start, layouts: [{ ...start, sessions: 4 }] });
    expect(tunerChoices({ ...situation, fixedBatch: 4 }).batches).toEqual([4]);
  });

  test('a large graph is not opened twice', () => {
    const { layouts } = tunerChoices({ ...situation, graphBytes: 1200 * MIB });
    expect(layouts.every(({ sessions, threads }) => sessions === 1 && threads === 8)).toBe(true);
  });

  test('within the memory of the container', () => {
    expect(tunerChoices({ ...situation, memoryBytes: 512 * MIB }).batches).toEqual([8, 16]);
    expect(tunerChoices({ ...situation, memoryBytes: 64 * MIB }).batches).toEqual([2]);
  });

  test('on CUDA: the largest bucket first, threads left alone', () => {
    expect(tunerChoices({ ...situation, cuda: true })).toEqual({
      batches: [128, 32],
      start,
      layouts: [start],
    });
  });
});
