import { expect, test } from '@jest/globals';
import { SessionGroup } from '#diptych/session/group.js';
import type { SessionHost, SessionResult } from '#diptych/session/host.js';

function fake(): { host: SessionHost; finish: (() => void)[]; closed: () => boolean } {
  const finish: (() => void)[] = [];
  let closed = false;
  const host: SessionHost = {
    inputNames: ['x'],
    outputNames: ['y'],
    run: () =>
      new Promise<SessionResult>((resolve) => {
        finish.push(() => {
          resolve({ outputs: {}, returned: [], milliseconds: 1 });
        });
      }),
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
  return { host, finish, closed: () => closed };
}

test('each run goes to the session with the least to do; closing closes all', async () => {
  const [a, b] = [fake(), fake()];
  const group = new SessionGroup([a.host, b.host]);
  const runs = [1, 2, 3].map(() => group.run({}, { outputs: ['y'] }));
  expect([a.finish.length, b.finish.length]).toEqual([2, 1]);
  b.finish[0]?.();
  await runs[1];
  runs.push(group.run({}, { outputs: ['y'] }));
  expect([a.finish.length, b.finish.length]).toEqual([2, 2]);
  for (const finish of [...a.finish, ...b.finish]) finish();
  await Promise.all(runs);
  await group.close();
  expect([a.closed(), b.closed()]).toEqual([true, true]);
});

test('a session that joins gets the next run', async () => {
  const [a, b] = [fake(), fake()];
  const group = new SessionGroup([a.host]);
  void group.run({}, { outputs: ['y'] });
  group.add(b.host);
  expect(group.size).toBe(2);
  void group.run({}, { outputs: ['y'] });
  expect([a.finish.length, b.finish.length]).toEqual([1, 1]);
  await group.close();
  expect(b.closed()).toBe(true);
});
