import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { repository } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const unlessWindows = process.platform === 'win32' ? test.skip : test;

/** `diptych embed -` that has begun; its standard input stays open. */
async function embedFrom(out: string): Promise<ChildProcess> {
  const main = join(repository, 'dist', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, 'embed', '-', '--out', out], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  while (!existsSync(join(out, 'run.json'))) await setTimeout(20);
  return child;
}

const statusOf = (out: string): unknown =>
  (JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { status: unknown }).status;

unlessWindows('SIGTERM ends a run whose standard input has nothing to give', async () => {
  const out = join(root, 'silent');
  const child = await embedFrom(out);
  child.kill('SIGTERM');
  await once(child, 'close');
  expect([child.exitCode, statusOf(out)]).toEqual([130, 'stopped']);
});

unlessWindows(
  'with a part in hand the first SIGINT waits for the rest of it, the second does not',
  async () => {
    const out = join(root, 'part');
    const child = await embedFrom(out);
    child.stdin?.write('a cat\na dog\n');
    await setTimeout(300);
    child.kill('SIGINT');
    await setTimeout(300);
    child.kill('SIGINT');
    await once(child, 'close');
    expect([child.exitCode, statusOf(out)]).toEqual([130, 'running']);
  },
);
