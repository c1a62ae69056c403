import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiptychError } from '../errors.js';
import { findCard, findCardOfFolder, hubIdOf, unknownModel, type RegistryCard } from './registry.js';

/** A model found on this machine. */
export interface Located {
  readonly name: string;
  readonly folder: string;
  readonly card: RegistryCard | null;
}

/** Folders of models that ship with the package. */
const BUNDLED = fileURLToPath(new URL('../../models', import.meta.url));

/** Where the hub's cache may be, best first: DIPTYCH_CACHE, then as huggingface_hub looks for it. */
export function cacheFolders(environment: NodeJS.ProcessEnv = process.env): string[] {
  const { DIPTYCH_CACHE, HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  const home = HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  return [DIPTYCH_CACHE, HF_HUB_CACHE, join(home, 'hub')]
    .filter((path) => typeof path === 'string')
    .filter(Boolean);
}

/**
 * A model by folder, bundled name, registry name or hub id, among what is on this machine.
 * Throws MODEL_NOT_FOUND: a folder that is not there, a model not yet pulled, a name nobody knows (near names).
 */
export function locateModel(name: string, bundled = BUNDLED): Located {
  if (isFolder(name)) {
    const folder = resolve(name);
    return { name: basename(folder), folder, card: findCardOfFolder(folder)?.card ?? null };
  }
  const shipped = join(bundled, name);
  if (/^[\w.-]+$/.test(name) && !name.startsWith('.') && isFolder(shipped))
    return { name, folder: shipped, card: null };
  if (existsSync(name)) {
    throw new DiptychError('MODEL_NOT_FOUND', 'this is a file; give the folder that holds the model', {
      input: name,
    });
  }
  if (looksLikePath(name)) {
    throw new DiptychError('MODEL_NOT_FOUND', 'no such folder; check the path', { input: name });
  }
  const entry = findCard(name);
  const id = hubIdOf(name);
  const repositories = [
    ...(entry?.source === null || entry?.source === undefined ? [] : [entry.source.repo]),
    ...(entry?.card.onnx.map((source) => source.repo) ?? []),
    ...(id === null ? [] : [id]),
  ];
  for (const repository of new Set(repositories)) {
    const folder = snapshotOf(repository);
    if (folder !== null) return { name: entry?.card.name ?? repository, folder, card: entry?.card ?? null };
  }
  if (entry === undefined && id === null) throw unknownModel(name);
  const [first] = repositories;
  throw new DiptychError(
    'MODEL_NOT_FOUND',
    first === undefined
      ? 'this model has no ready ONNX files on the hub; export it (see training/export) and give the folder'
      : `not on this machine yet; fetch it with: diptych models pull ${first}`,
    { input: name },
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function looksLikePath(name: string): boolean {
  return isAbsolute(name) || /^(\.{1,2}|~)([\\/]|$)/.test(name) || name.endsWith('/') || name.includes('\\');
}

/** The newest complete snapshot of a repository in the hub's cache: the one that refs/main names, else any. */
function snapshotOf(repository: string): string | null {
  for (const cache of cacheFolders()) {
    const root = join(cache, `models--${repository.replace('/', '--')}`);
    const snapshots = join(root, 'snapshots');
    if (!isFolder(snapshots)) continue;
    const main = join(root, 'refs', 'main');
    const revision = existsSync(main) ? readFileSync(main, 'utf8').trim() : '';
    for (const candidate of [revision, ...readdirSync(snapshots)]) {
      if (candidate !== '' && isFolder(join(snapshots, candidate))) return join(snapshots, candidate);
    }
  }
  return null;
}
