import { spawn, spawnSync } from 'node:child_process';
import { root } from './paths.mjs';

/** An expected failure: its message is all that the user needs to see. */
export class StepError extends Error {}

/**
 * Runs a program in the repository root. Its output is kept back and shown only when it fails; `show` lets
 * 'all' of it through, or the standard error only ('stderr').
 */
export async function run(command, args, { show = 'none', env = {}, cwd = root, allowFailure = false } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', show === 'all' ? 'inherit' : 'pipe', show === 'none' ? 'pipe' : 'inherit'],
    shell: process.platform === 'win32',
  });
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new StepError(`cannot start ${command}: ${error.message}`)));
    child.once('close', (status, signal) => resolve(signal === null ? status : 128));
  });
  const output = Buffer.concat(chunks).toString();
  if (code !== 0 && !allowFailure) {
    throw new StepError(`${output}\n${[command, ...args].join(' ')} failed (exit code ${code})`.trimStart());
  }
  return { code, output };
}

/** First line of `command --version`, or null where the program is missing or does not run. */
export function versionOf(command) {
  const result = spawnSync(command, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' });
  if (result.status !== 0) return null;
  return result.stdout.split('\n')[0].trim();
}

/** Prints one line for a step, with its time when it took any. */
export async function step(name, work) {
  const start = performance.now();
  process.stderr.write(`${name} ...`);
  try {
    const result = await work();
    process.stderr.write(` done (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
    return result;
  } catch (error) {
    process.stderr.write(' failed\n');
    throw error;
  }
}

/** Runs a script's main function: a StepError becomes its message and exit code 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    process.stderr.write(`${error instanceof StepError ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
