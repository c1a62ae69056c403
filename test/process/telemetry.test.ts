import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { diptych, repository } from '../support/command.js';
import { temporaryFolder } from '../support/temporary.js';

const root = temporaryFolder();

test('a run leaves nothing in the home of its user', async () => {
  const photo = join(repository, 'examples', 'photos', 'cat.jpg');
  const env = { HOME: root, XDG_CACHE_HOME: join(root, '.cache') };
  const { code } = await diptych(['embed', photo, '--out', join(root, 'out')], { env });
  expect(code).toBe(0);
  expect(readdirSync(root)).toEqual(['out']);
});
