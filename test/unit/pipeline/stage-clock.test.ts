import { expect, test } from '@jest/globals';
import { StageClock, type StageSpan } from '#diptych/pipeline/stage-clock.js';

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

test('a stage is busy while any piece of it is in hand; overlapping pieces have lanes of their own', async () => {
  const clock = new StageClock();
  const spans: StageSpan[] = [];
  clock.onSpan = (span) => spans.push(span);
  const first = clock.start('encode', 'image', 8);
  const second = clock.start('encode', 'image', 4);
  await pause(5);
  first();
  const third = clock.start('encode', 'text', 2);
  await pause(5);
  second();
  third();
  third();
  expect(spans.map(({ lane, items, kind }) => [lane, items, kind])).toEqual([
    [0, 8, 'image'],
    [1, 4, 'image'],
    [0, 2, 'text'],
  ]);
  const began = Math.min(...spans.map(({ beganMs }) => beganMs));
  const ended = Math.max(...spans.map(({ endedMs }) => endedMs));
  expect(clock.seconds.encode).toBeCloseTo((ended - began) / 1000, 6);
  expect(clock.seconds.preprocess).toBe(0);
});

test('what is in hand counts already: a queue that never runs dry is the bottleneck all along', async () => {
  const clock = new StageClock();
  const done = clock.start('encode');
  await pause(5);
  const { encode } = clock.seconds;
  expect(encode).toBeGreaterThan(0);
  done();
  expect(clock.seconds.encode).toBeGreaterThanOrEqual(encode);
  const after = clock.seconds.encode;
  await pause(5);
  expect(clock.seconds.encode).toBe(after);
});
