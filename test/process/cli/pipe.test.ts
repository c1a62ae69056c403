import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

test('a reader that closes the pipe early is no error', async () => {
  const child = spawn(process.execPath, [MAIN, 'models', 'list'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  child.stdout.destroy();
  await once(child, 'close');
  expect({ code: child.exitCode, complaints }).toEqual({ code: 0, complaints: '' });
}, 60_000);

test('a run goes on when nobody watches its progress any more', async () => {
  const [photos, out] = [join(MAIN, '../../../examples/photos'), join(root, 'out')];
  const child = spawn(
    process.execPath,
    [MAIN, 'embed', photos, '--out', out, '--progress', 'json', '--json'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.destroy();
  await once(child, 'close');
  expect([child.exitCode, JSON.parse(printed)]).toEqual([0, expect.objectContaining({ failed: 0 })]);
}, 60_000);
