import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { repository } from '../../support/command.js';
import { temporaryFolder } from '../../support/temporary.js';

const root = temporaryFolder();

/** Runs a piece of the set-up with nothing on the PATH but the programs given (name -> what it prints). */
function withPrograms(name: string, programs: Readonly<Record<string, string>>, script: string): string {
  const bin = join(root, name);
  mkdirSync(bin);
  for (const [program, output] of Object.entries(programs)) {
    writeFileSync(join(bin, program), `#!/bin/sh\necho '${output}'\n`, { mode: 0o755 });
  }
  symlinkSync('/bin/sh', join(bin, 'sh'));
  const code = `import('${join(repository, 'scripts', 'lib', 'toolchain.mjs')}').then(({ ${script} }) => ${script}()).catch((error) => console.log(error.message))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    env: { PATH: bin },
  });
  expect(stderr).toBe('');
  return stdout;
}

const GOOD = { cmake: 'cmake version 3.25.1', make: 'GNU Make 4.3', 'c++': 'g++ (Debian 12.2.0-14) 12.2.0' };

describe('set-up tells what is missing and how to get it', () => {
  test('nothing, where all is there', () => {
    expect(withPrograms('all', GOOD, 'checkNativeTools')).toBe('');
  });

  test.each([
    [
      'no-cmake',
      { make: GOOD.make, 'c++': GOOD['c++'] },
      /missing: CMake 3\.20.*\n.*apt install cmake\n.*dnf.*\n.*brew/,
    ],
    [
      'old-cmake',
      { ...GOOD, cmake: 'cmake version 3.16.3' },
      /CMake 3\.20 or newer \(found: cmake version 3\.16\.3\)/,
    ],
    [
      'no-compiler',
      { cmake: GOOD.cmake, make: GOOD.make },
      /missing: a C\+\+20 compiler.*\n.*apt install g\+\+/,
    ],
    ['old-compiler', { ...GOOD, 'c++': 'g++ (Ubuntu 9.4.0-1) 9.4.0' }, /GCC 11 or newer.*9\.4\.0/],
    ['no-make', { cmake: GOOD.cmake, 'c++': GOOD['c++'] }, /missing: make/],
  ])('%s', (name, programs, message) => {
    expect(withPrograms(name, programs, 'checkNativeTools')).toMatch(message);
  });

  test('all that is missing at once', () => {
    const told = withPrograms('nothing', {}, 'checkNativeTools');
    for (const name of ['CMake', 'make', 'compiler']) expect(told).toMatch(new RegExp(`missing: .*${name}`));
  });

  test('npm', () => {
    expect(withPrograms('no-npm', {}, 'checkNpm')).toMatch(/missing: npm/);
  });

  test('an unknown flag is an error', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs', '--native'], {
      cwd: repository,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/unknown flag --native; known: --build-only/);
  });
});
