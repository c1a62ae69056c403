import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { TraceFile } from '#diptych/output/trace-file.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();

test('is a JSON array of complete events in microseconds, with a name for every lane', async () => {
  const file = join(root, 'trace.json');
  const trace = new TraceFile(file);
  trace.add({ name: 'encode image', lane: 'encode 0', beganMs: 1.5, endedMs: 4, items: 8 });
  trace.add({ name: 'read', lane: 'read 0', beganMs: 1, endedMs: 1.001, items: 0 });
  trace.add({ name: 'encode image', lane: 'encode 0', beganMs: 4, endedMs: 5, items: 3 });
  await trace.close();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([
    { name: 'thread_name', ph: 'M', pid: 1, tid: 1, args: { name: 'encode 0' } },
    { name: 'encode image', ph: 'X', ts: 1500, dur: 2500, pid: 1, tid: 1, args: { items: 8 } },
    { name: 'encode image', ph: 'X', ts: 4000, dur: 1000, pid: 1, tid: 1, args: { items: 3 } },
  ]);
});

test('an empty run makes an empty trace; a file that cannot be written is an error', async () => {
  const file = join(root, 'empty.json');
  await new TraceFile(file).close();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([]);
  await expect(new TraceFile(join(root, 'no', 'folder.json')).close()).rejects.toMatchObject({
    code: 'OUTPUT_FAILED',
  });
});
