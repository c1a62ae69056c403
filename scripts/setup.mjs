// Everything that has to be there before Diptych runs from a checkout: packages, addon, compiled TypeScript.
// What is already current is skipped. Needs nothing but Node itself to start.
//   --build-only    no `npm ci`
//   --native-only   the addon alone
//   --ts-only       the TypeScript alone
import { buildNative, buildTypeScript, installPackages } from './lib/build.mjs';
import { StepError, main } from './lib/run.mjs';
import { checkNode } from './lib/toolchain.mjs';

const FLAGS = ['--build-only', '--native-only', '--ts-only'];

/** Runs the steps asked for; returns whether anything had to be done. */
export async function setup(flags = []) {
  const unknown = flags.find((flag) => !FLAGS.includes(flag));
  if (unknown !== undefined) throw new StepError(`unknown flag ${unknown}; known: ${FLAGS.join(', ')}`);
  checkNode();
  const only = flags.includes('--native-only') || flags.includes('--ts-only');
  let worked = false;
  if (!only && !flags.includes('--build-only')) worked = await installPackages();
  if (!flags.includes('--ts-only')) worked = (await buildNative()) || worked;
  if (!flags.includes('--native-only')) worked = (await buildTypeScript()) || worked;
  return worked;
}

if (process.argv[1]?.endsWith('setup.mjs')) {
  await main(async () => {
    const worked = await setup(process.argv.slice(2));
    process.stderr.write(worked ? 'set-up complete\n' : 'set-up: nothing to do\n');
  });
}
