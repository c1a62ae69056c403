import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DiptychError } from '../../errors.js';
import { cudaStatus, onnxRuntime, providerFiles, providerFolder, type CudaStatus } from './status.js';

type Runner = (
  command: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
) => Promise<number>;

export interface CudaInstallOptions {
  /** Folder (searched three levels deep) that holds the provider's files; default: an installed npm package of them, else NuGet. */
  readonly from?: string;
  /** Where the provider has to lie. Default: beside ONNX Runtime's own library. */
  readonly into?: string;
  /** Runs a command and resolves to its exit code. */
  readonly run?: Runner;
}

/** npm package with the provider's files for the ONNX Runtime version that Diptych pins (CUDA 13, Linux x64). */
const PROVIDER_PACKAGE = 'com.github.asus4.onnxruntime.linux-x64-gpu';

const runCommand: Runner = (command, parameters, environment) => {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...parameters], {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, ...environment },
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
};

function findFile(folder: string, name: string, depth: number): string | null {
  const direct = join(folder, name);
  if (existsSync(direct)) return direct;
  if (depth === 0) return null;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const found = entry.isDirectory() ? findFile(join(folder, entry.name), name, depth - 1) : null;
    if (found !== null) return found;
  }
  return null;
}

function installedPackage(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PROVIDER_PACKAGE}/package.json`));
  } catch {
    // Not installed: the other way is taken.
    return null;
  }
}

/** Copies the provider's files from a folder, whole or not at all. Throws INPUT_NOT_FOUND naming what is missing. */
function copyProvider(from: string, into: string): void {
  if (!existsSync(from) || !statSync(from).isDirectory()) {
    throw new DiptychError('INPUT_NOT_FOUND', 'expected a folder that holds the CUDA provider', {
      input: from,
    });
  }
  const files = providerFiles(process.platform).map((name) => {
    const file = findFile(from, name, 6);
    if (file === null) throw new DiptychError('INPUT_NOT_FOUND', `holds no ${name}`, { input: from });
    return { file, target: join(into, name) };
  });
  for (const { file, target } of files) {
    const temporary = `${target}.${String(process.pid)}.tmp`;
    try {
      copyFileSync(file, temporary);
      renameSync(temporary, target);
    } finally {
      rmSync(temporary, { force: true });
    }
  }
}

/**
 * Puts ONNX Runtime's CUDA provider where ONNX Runtime looks for it: from a folder, from an installed npm package,
 * or by onnxruntime-node's own install script (which fetches it from NuGet). Returns what CUDA's state is then.
 */
export async function installCuda(options: CudaInstallOptions = {}): Promise<CudaStatus> {
  const into = options.into ?? providerFolder();
  const from = options.from ?? installedPackage();
  if (from !== null) {
    copyProvider(from, into);
    return cudaStatus(into);
  }
  if (process.platform !== 'linux' && process.platform !== 'win32') return cudaStatus(into);
  const { folder, version } = onnxRuntime();
  const run = options.run ?? runCommand;
  // Its environment beats its flags, and npm's configuration (`skip` in ours) comes as environment too.
  const code = await run(process.execPath, [join(folder, 'script', 'install.js')], {
    ONNXRUNTIME_NODE_INSTALL: 'cuda12',
  });
  if (code !== 0) {
    throw new DiptychError(
      'DEVICE_UNAVAILABLE',
      `the install script of onnxruntime-node ${version} ended with code ${String(code)}; where its server is out of reach, ` +
        'fetch the provider elsewhere and give its folder: diptych cuda install --from DIR',
      { input: 'cuda install' },
    );
  }
  return cudaStatus(into);
}
