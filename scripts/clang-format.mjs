// clang-format over native/ and test/native: checks, or rewrites with --write.
import { createRequire } from 'node:module';
import { StepError, main, run } from './lib/run.mjs';
import { filesBelow } from './lib/stamp.mjs';

const require = createRequire(import.meta.url);

export async function clangFormat(write) {
  const files = filesBelow(['native', 'test/native', 'bench/native'], (name) =>
    /\.(cpp|hpp|h|inl)$/.test(name),
  );
  if (files.length === 0) return;
  const args = write ? ['-i'] : ['--dry-run', '--Werror'];
  const { code, output } = await run(process.execPath, [require.resolve('clang-format'), ...args, ...files], {
    allowFailure: true,
  });
  if (code !== 0) throw new StepError(`${output}\nRun \`npm run format\` to mend it.`);
}

if (process.argv[1]?.endsWith('clang-format.mjs')) {
  await main(() => clangFormat(process.argv.includes('--write')));
}
