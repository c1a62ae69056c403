import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { root } from './paths.mjs';
import { StepError, run, step } from './run.mjs';
import { filesBelow, hashFiles, stampIs, writeStamp } from './stamp.mjs';
import { checkNativeTools } from './toolchain.mjs';

const FOLDER = 'build-tests';
const PROGRAM = path.join(root, FOLDER, 'diptych_native_tests');

async function build() {
  const hash = hashFiles(filesBelow(['CMakeLists.txt', 'native', 'test/native']), process.arch);
  const stamp = path.join(FOLDER, '.diptych-native-tests');
  if (existsSync(PROGRAM) && stampIs(stamp, hash)) return;
  checkNativeTools();
  await step('building the C++ tests', async () => {
    const switches = ['-DCMAKE_BUILD_TYPE=Release', '-DDIPTYCH_TESTS=ON', '-DDIPTYCH_ADDON=OFF'];
    await run('cmake', ['-S', '.', '-B', FOLDER, ...switches]);
    await run('cmake', ['--build', FOLDER, '--parallel', String(availableParallelism())]);
  });
  writeStamp(stamp, hash);
}

/** Builds and runs the C++ tests; their own closing line `N passed, N failed` is the result. */
export async function runNativeTests() {
  await build();
  const { code, output } = await run(PROGRAM, [], { allowFailure: true });
  const last = [...output.matchAll(/(\d+) passed, (\d+) failed/g)].at(-1);
  if (last === undefined) {
    throw new StepError(`${output}\nthe C++ tests ended with exit code ${code} and no closing line`);
  }
  const [passed, failed] = [Number(last[1]), Number(last[2])];
  process.stdout.write(output.replace(last[0], `C++: ${last[0]}`));
  // A crash after the closing line is a failure too.
  return { passed, failed: failed === 0 && code !== 0 ? 1 : failed };
}
