// Set-up, then every test: the C++ kernel tests and jest. Arguments go to jest (paths, -t NAME ...); with
// arguments the C++ tests are left out. The last line is always `N passed, N failed`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runNativeTests } from './lib/native-tests.mjs';
import { StepError, main, run } from './lib/run.mjs';
import { setup } from './setup.mjs';

const require = createRequire(import.meta.url);

/** Runs jest and counts; a test file that could not be run at all counts as one failure. */
async function runJest(args) {
  const folder = mkdtempSync(path.join(tmpdir(), 'diptych-test-'));
  const report = path.join(folder, 'report.json');
  try {
    const jest = path.join(path.dirname(require.resolve('jest/package.json')), 'bin', 'jest.js');
    const nodeFlags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
    await run(process.execPath, [...nodeFlags, jest, '--json', `--outputFile=${report}`, ...args], {
      show: 'stderr',
      allowFailure: true,
    });
    const result = JSON.parse(readFileSync(report, 'utf8'));
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    };
  } catch (error) {
    throw new StepError(`jest left no report: ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(async () => {
  const args = process.argv.slice(2);
  await setup();
  const parts = args.length === 0 ? [await runNativeTests()] : [];
  parts.push(await runJest(args));
  const passed = parts.reduce((sum, part) => sum + part.passed, 0);
  const failed = parts.reduce((sum, part) => sum + part.failed, 0);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
});
