import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { repository } from '../../support/command.js';

test('a run that is killed at random moments and resumed makes the same files', async () => {
  const script = join(repository, 'scripts', 'kill-runs.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--kills', '2', '--seed', '7']);
  expect(stdout.match(/^ok {3}\d/gm)).toHaveLength(2);
}, 240_000);
