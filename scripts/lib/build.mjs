import { availableParallelism } from 'node:os';
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { addonFile, commandFile, root } from './paths.mjs';
import { StepError, run, step } from './run.mjs';
import { filesBelow, hashFiles, stampIs, writeStamp } from './stamp.mjs';
import { checkNativeTools, checkNpm } from './toolchain.mjs';

const require = createRequire(import.meta.url);

function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

/**
 * Whether node_modules holds what package-lock.json asks for. npm leaves its own record of what it
 * installed, so an `npm install` by hand counts as well as ours. Optional packages may be absent.
 */
export function packagesAreCurrent() {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(path.join(root, record))) return false;
  const wanted = readJson('package-lock.json').packages;
  const installed = readJson(record).packages;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true;
    const present = installed[name];
    if (present === undefined) return entry.optional === true || entry.peer === true;
    return present.version === entry.version;
  });
}

export async function installPackages() {
  if (packagesAreCurrent()) return false;
  checkNpm();
  const folder = path.join(root, 'node_modules');
  if (existsSync(folder) && lstatSync(folder).isSymbolicLink()) {
    throw new StepError('node_modules is a link and out of date: run `npm ci` where it points to');
  }
  await step('installing packages', async () => {
    const quiet = ['--no-audit', '--no-fund'];
    const { code, output } = await run('npm', ['ci', ...quiet], { allowFailure: true });
    if (code === 0) return;
    if (!output.includes('EUSAGE')) throw new StepError(`${output}\nnpm ci failed (exit code ${code})`);
    // npm leaves optional packages of other platforms out of the lock file where the registry it was written with
    // lacked them, and `npm ci` then refuses it. `npm install` takes the same locked versions all the same.
    await run('npm', ['install', '--no-save', ...quiet]);
  });
  return true;
}

/** All that decides the addon's bytes; the pinned versions stand for the headers and libraries from npm. */
function nativeHash() {
  const { dependencies, optionalDependencies } = readJson('package.json');
  const env = ['CXX', 'CXXFLAGS'].map((name) => `${name}=${process.env[name] ?? ''}`);
  const extra = JSON.stringify([process.platform, process.arch, dependencies, optionalDependencies, env]);
  return hashFiles(filesBelow(['CMakeLists.txt', 'native']), extra);
}

/** Builds build/Release/diptych.node when a source changed. */
export async function buildNative() {
  const stamp = 'build/.diptych-native';
  const hash = nativeHash();
  if (existsSync(addonFile) && stampIs(stamp, hash)) return false;
  checkNativeTools();
  const cli = require.resolve('cmake-js/bin/cmake-js');
  await step('building the native addon (about a minute)', () =>
    run(process.execPath, [cli, 'build', '--CDCMAKE_BUILD_TYPE=Release'], {
      env: { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) },
    }),
  );
  if (!existsSync(addonFile)) throw new StepError(`the native build left no ${addonFile}`);
  writeStamp(stamp, hash);
  return true;
}

/** Compiles src/ to dist/ when a source changed. */
export async function buildTypeScript() {
  const stamp = 'dist/.diptych-typescript';
  const sources = filesBelow(['src']);
  const hash = hashFiles([...sources, 'tsconfig.json', 'package.json']);
  if (stampIs(stamp, hash)) return false;
  await step('compiling TypeScript', async () => {
    // A file whose source is gone must not stay importable.
    rmSync(path.join(root, 'dist'), { recursive: true, force: true });
    await run(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json']);
    for (const file of sources.filter((name) => !name.endsWith('.ts'))) {
      const target = path.join(root, 'dist', path.relative('src', file));
      mkdirSync(path.dirname(target), { recursive: true });
      copyFileSync(path.join(root, file), target);
    }
    if (existsSync(commandFile)) chmodSync(commandFile, 0o755);
  });
  writeStamp(stamp, hash);
  return true;
}
