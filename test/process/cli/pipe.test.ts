import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

test('a reader that closes the pipe early is no error', async () => {
  const child = spawn(process.execPath, [MAIN, 'models', 'list'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  child.stdout.destroy();
  await once(child, 'close');
  expect({ code: child.exitCode, complaints }).toEqual({ code: 0, complaints: '' });
}, 60_000);
