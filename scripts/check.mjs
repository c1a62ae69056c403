// What has to hold before a change lands: format, lint, types, tests. `--fast` leaves out the tests.
import { createRequire } from 'node:module';
import path from 'node:path';
import { clangFormat } from './clang-format.mjs';
import { main, run, step } from './lib/run.mjs';
import { setup } from './setup.mjs';

const require = createRequire(import.meta.url);

/** The executable of an installed package. */
function bin(name) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin: entry } = require(manifest);
  return path.join(path.dirname(manifest), typeof entry === 'string' ? entry : entry[name]);
}

await main(async () => {
  await setup();
  await step('prettier', () => run(process.execPath, [bin('prettier'), '--check', '--log-level=warn', '.']));
  await step('clang-format', () => clangFormat(false));
  await step('eslint', () => run(process.execPath, [bin('eslint'), '--max-warnings=0', '.']));
  const tsc = require.resolve('typescript/bin/tsc');
  await step('types', () => run(process.execPath, [tsc, '-p', 'tsconfig.check.json']));
  if (!process.argv.includes('--fast')) {
    await run(process.execPath, [path.join('scripts', 'test.mjs')], { show: 'all' });
  }
});
