import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { neededLibraries } from './elf.js';

/** What the search may look at: the environment and the file system, so that tests can give their own. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Prefix of absolute system folders; empty outside tests. */
  readonly root: string;
}

export const HERE: Surroundings = { environment: process.env, root: '' };

/** Families of libraries that CUDA itself brings; everything else the loader finds by its own means. */
const CUDA_LIBRARY =
  /^lib(cuda|cudart|cublas|cublasLt|cudnn\w*|cufft|curand|nvrtc|nvJitLink|cusparse|cusolver)\.so(\.|$)/;

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort();
  } catch {
    // A folder that is not there, or may not be read, has no libraries for us.
    return [];
  }
};

/** lib folders of NVIDIA's Python wheels (nvidia-cublas, nvidia-cudnn, ...) under a site-packages folder. */
function wheelFolders(sitePackages: string): string[] {
  const nvidia = join(sitePackages, 'nvidia');
  return list(nvidia).map((name) => join(nvidia, name, 'lib'));
}

function pythonFolders(prefix: string): string[] {
  return [join(prefix, 'lib'), join(prefix, 'local', 'lib')].flatMap((lib) =>
    list(lib)
      .filter((name) => /^python3(\.\d+)?$/.test(name))
      .flatMap((name) => [join(lib, name, 'site-packages'), join(lib, name, 'dist-packages')]),
  );
}

/**
 * Folders where CUDA's libraries may lie, in the order they are tried: DIPTYCH_CUDA_PATH, LD_LIBRARY_PATH, the
 * toolkit named by CUDA_HOME or CUDA_PATH, the active Python and conda environments (NVIDIA's wheels), the
 * system's toolkits, the system's library folders.
 */
export function cudaFolders({ environment, root }: Surroundings = HERE): string[] {
  const split = (name: string): string[] =>
    (environment[name] ?? '').split(':').filter((folder) => folder !== '');
  const toolkit = (prefix: string): string[] => [
    join(prefix, 'lib64'),
    join(prefix, 'lib'),
    join(prefix, 'targets/x86_64-linux/lib'),
  ];
  const environments = ['VIRTUAL_ENV', 'CONDA_PREFIX'].flatMap((name) => split(name));
  const system = join(root, '/usr/local');
  const toolkits = list(system)
    .filter((name) => /^cuda(-\d+(\.\d+)?)?$/.test(name))
    .flatMap((name) => toolkit(join(system, name)));
  const folders = [
    ...split('DIPTYCH_CUDA_PATH').flatMap((folder) => [folder, ...toolkit(folder), ...wheelFolders(folder)]),
    ...split('LD_LIBRARY_PATH'),
    ...['CUDA_HOME', 'CUDA_PATH'].flatMap((name) => split(name)).flatMap(toolkit),
    ...environments.flatMap((prefix) => [
      join(prefix, 'lib'),
      ...pythonFolders(prefix).flatMap(wheelFolders),
    ]),
    ...toolkits,
    ...['/usr', '/usr/local'].flatMap((prefix) => pythonFolders(join(root, prefix)).flatMap(wheelFolders)),
    ...['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib/wsl/lib'].map(
      (folder) => join(root, folder),
    ),
  ];
  return [...new Set(folders)].filter((folder) => existsSync(folder));
}

export interface LibrarySearch {
  /** Absolute paths in the order to load them: each after the libraries it needs. */
  readonly found: readonly string[];
  /** Names that are needed and nowhere to be found. */
  readonly missing: readonly string[];
}

/** ONNX Runtime's provider opens cuDNN itself, once a graph has a convolution: every image tower has. */
const OPENED_LATE = 'libcudnn.so.9';

/** Finds the CUDA libraries that the provider `library` needs, and those that they need in turn. */
export function findCudaLibraries(library: string, surroundings: Surroundings = HERE): LibrarySearch {
  const folders = cudaFolders(surroundings);
  const found: string[] = [];
  const missing: string[] = [];
  const seen = new Set<string>();
  const visit = (needed: readonly string[]): void => {
    for (const name of needed) {
      if (seen.has(name) || !CUDA_LIBRARY.test(name)) continue;
      seen.add(name);
      const folder = folders.find((candidate) => existsSync(join(candidate, name)));
      if (folder === undefined) {
        missing.push(name);
        continue;
      }
      const path = join(folder, name);
      visit(neededLibraries(path) ?? []);
      found.push(path);
    }
  };
  const needed = neededLibraries(library) ?? [];
  visit(needed.some((name) => name.startsWith('libcudnn')) ? needed : [...needed, OPENED_LATE]);
  return { found, missing };
}

/**
 * The PyPI package that carries a library of CUDA `major` (NVIDIA has no npm packages), by the library's name. Null for
 * what is not in any.
 */
export function wheelFor(library: string, major: number): string | null {
  const match = /^lib(\w+?)\.so\.\d+/.exec(library);
  const name = match?.[1] ?? '';
  if (name.startsWith('cudnn')) return `nvidia-cudnn-cu${String(major)}`;
  const suffix = major >= 13 ? '' : `-cu${String(major)}`;
  if (name.startsWith('cublas')) return `nvidia-cublas${suffix}`;
  if (name === 'cudart') return `nvidia-cuda-runtime${suffix}`;
  if (name === 'curand') return `nvidia-curand${suffix}`;
  if (name === 'cufft') return `nvidia-cufft${suffix}`;
  if (name === 'nvrtc') return `nvidia-cuda-nvrtc${suffix}`;
  return null;
}

/** The CUDA that a provider was built for: its runtime's and BLAS's versions are CUDA's own. */
export function cudaMajor(library: string): number {
  for (const name of neededLibraries(library) ?? []) {
    const match = /^lib(?:cudart|cublas|cublasLt)\.so\.(\d+)/.exec(name);
    if (match !== null) return Number(match[1]);
  }
  return 12;
}
