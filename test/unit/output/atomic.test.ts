import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { AtomicFile, outputError, publishAll, writeFileAtomic } from '#diptych/output/atomic.js';
import { temporaryFolder } from '../../support/temporary.js';

const folder = temporaryFolder();

describe('atomic files', () => {
  test('appear only when they are published, together', async () => {
    const [a, b] = [join(folder, 'sub', 'a'), join(folder, 'sub', 'b')];
    const files = [await AtomicFile.create(a), await AtomicFile.create(b)];
    for (const file of files) await file.append(Buffer.from('12345'));
    await files[0]?.patch(Buffer.from('X'), 1);
    expect([existsSync(a), existsSync(b)]).toEqual([false, false]);
    await publishAll(files);
    expect([readFileSync(a, 'utf8'), readFileSync(b, 'utf8')]).toEqual(['1X345', '12345']);
    expect(readdirSync(join(folder, 'sub')).sort()).toEqual(['a', 'b']);
  });

  test('leave nothing when discarded, and what was there before', async () => {
    const target = join(folder, 'kept');
    writeFileSync(target, 'before');
    const file = await AtomicFile.create(target);
    await file.append(Buffer.from('after'));
    await file.discard();
    expect(readFileSync(target, 'utf8')).toBe('before');
    await writeFileAtomic(target, 'after');
    expect(readFileSync(target, 'utf8')).toBe('after');
    expect(readdirSync(folder).filter((name) => name.startsWith('kept'))).toEqual(['kept']);
  });

  test('a folder that cannot be made is an OUTPUT_FAILED', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(AtomicFile.create(join(folder, 'file', 'x'))).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
    });
    mkdirSync(join(folder, 'dir'));
    await expect(writeFileAtomic(join(folder, 'dir'), 'x')).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
  });

  test('a full disk says what to do', () => {
    const error = outputError(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }), 'x.npy');
    expect(error).toMatchObject({ code: 'OUTPUT_FAILED', input: 'x.npy' });
    expect(error.message).toMatch(/disk is full.*--resume/);
  });
});
