import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  DiptychError,
  errorCodes,
  messageOf,
  systemCode,
  throwIfAborted,
  toDiptychError,
} from '#diptych/errors.js';
import { repository } from '../support/command.js';

describe('the table of codes', () => {
  test('is that of docs/errors.md, both ways', () => {
    const page = readFileSync(join(repository, 'docs', 'errors.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (\d+) +\| \S/gm)].map(
      ([, code = '', status, exit]) => [code, { status: Number(status), exit: Number(exit) }],
    );
    expect(Object.fromEntries(documented)).toEqual(errorCodes);
  });
});

describe('DiptychError', () => {
  test('names the input in message and field, and keeps the cause', () => {
    const cause = new Error('inner');
    const error = new DiptychError('IMAGE_EMPTY', 'is empty', { input: 'a.jpg', cause });
    expect(error).toMatchObject({
      name: 'DiptychError',
      code: 'IMAGE_EMPTY',
      input: 'a.jpg',
      message: 'a.jpg: is empty',
    });
    expect(error).toMatchObject({ cause, status: 422, exitCode: 3 });
    expect(error).toBeInstanceOf(Error);
  });

  test('anything thrown becomes one; one stays what it is', () => {
    const known = new DiptychError('CLOSED', 'was closed');
    expect(toDiptychError(known, 'BAD_INPUT', 'x')).toBe(known);
    for (const thrown of [new TypeError('odd'), { message: 'odd' }, 'odd']) {
      expect(toDiptychError(thrown, 'BAD_INPUT', 'x')).toMatchObject({
        code: 'BAD_INPUT',
        message: 'x: odd',
        cause: thrown,
      });
    }
    expect(messageOf(undefined)).toBe('undefined');
  });

  test('codes of the operating system are read wherever the error was made', () => {
    expect(systemCode({ code: 'ENOENT' })).toBe('ENOENT');
    expect([systemCode(null), systemCode({ code: 5 }), systemCode('ENOENT')]).toEqual([null, null, null]);
  });

  test('an aborted signal throws ABORTED with its reason', () => {
    expect(() => {
      throwIfAborted(undefined);
    }).not.toThrow();
    const reason = new Error('enough');
    expect(() => {
      throwIfAborted(AbortSignal.abort(reason));
    }).toThrow(expect.objectContaining({ code: 'ABORTED', cause: reason }));
  });
});
