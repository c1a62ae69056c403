import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { walk } from '#diptych/input/walk.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();

describe('walk', () => {
  test('a folder that is not there is reported, not thrown', async () => {
    const found = [];
    for await (const entry of walk(join(root, 'none'))) found.push(entry);
    expect(found).toMatchObject([{ ok: false, error: { code: 'INPUT_UNREADABLE' } }]);
  });

  test('a folder that may not be read costs only itself', async () => {
    mkdirSync(join(root, 'top', 'closed'), { recursive: true });
    writeFileSync(join(root, 'top', 'z.txt'), '');
    chmodSync(join(root, 'top', 'closed'), 0);
    const found = [];
    for await (const entry of walk(join(root, 'top'))) found.push(entry);
    chmodSync(join(root, 'top', 'closed'), 0o755);
    expect(found.at(-1)).toMatchObject({ ok: true, file: join(root, 'top', 'z.txt') });
    // The superuser may read everything.
    expect(found).toHaveLength(process.getuid?.() === 0 ? 1 : 2);
  });
});
