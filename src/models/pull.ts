import { readdir, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { DiptychError } from '../errors.js';
import { parseOptions, read, type Reader } from '../options.js';
import type { Dtype } from './card.js';
import { freeBytes, lockRepo, publish, repoCache, type RepoCache } from './hub-cache.js';
import { neededFiles } from './hub-files.js';
import {
  hubAccess,
  isOffline,
  PATIENCE,
  readRevision,
  type HubAccess,
  type HubFile,
  type Patience,
} from './hub.js';
import { bring, isIntact, partialSize } from './hub-transfer.js';
import { cacheFolders, locateModel } from './locate.js';
import { findCard, hubIdOf, unknownModel } from './registry.js';

/** How far a pull has come. */
export interface PullProgress {
  /** The file that is coming, or the one just found in the cache. */
  readonly file: string;
  readonly received: number;
  readonly size: number;
  /** Over all files. */
  readonly totalReceived: number;
  readonly totalSize: number;
}

export interface PullOptions {
  /** Default `auto`: fp32, else fp16, else int8. */
  readonly dtype?: 'auto' | Dtype;
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Cache folder. Default: DIPTYCH_CACHE, else where huggingface_hub keeps it (HF_HUB_CACHE, HF_HOME). */
  readonly cacheDir?: string;
  /** Default: HF_ENDPOINT, else the Hugging Face hub. */
  readonly endpoint?: string;
  /** Default: HF_TOKEN, else what huggingface_hub's login wrote. */
  readonly token?: string;
  /** Use only what is on this machine. Default: HF_HUB_OFFLINE. */
  readonly offline?: boolean;
  /** Check the hashes of files that are in the cache already. Default false: their sizes. */
  readonly verify?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Called with one sentence when the pull has to wait for another process. */
  readonly onWarning?: (message: string) => void;
  /** Tries and waits. */
  readonly patience?: Patience;
}

export interface Pulled {
  readonly name: string;
  readonly repo: string;
  readonly commit: string;
  readonly dtype: Dtype;
  /** The snapshot, ready for loadModel. */
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly size: number; readonly cached: boolean }[];
  /** Bytes that came over the network for this call. */
  readonly downloaded: number;
}

/** Room that is left on the disk beside the model. */
const SPARE_BYTES = 64 * 1024 ** 2;

type Resolved = Required<Omit<PullOptions, 'signal' | 'token' | 'endpoint' | 'cacheDir'>> & {
  readonly signal: AbortSignal | null;
  readonly token: string | null;
  readonly endpoint: string | null;
  readonly cacheDir: string | null;
};

function isPatience(value: unknown): value is Patience {
  if (typeof value !== 'object' || value === null) return false;
  return (['tries', 'waitMs', 'stallMs'] as const).every((key) => key in value);
}

const readProgress: Reader<(progress: PullProgress) => void> = (value, name) => {
  if (typeof value === 'function') return value as (progress: PullProgress) => void;
  throw new DiptychError('BAD_OPTION', 'expected a function', { input: name });
};

function parsePullOptions(given: PullOptions | undefined): Resolved {
  const nothing = (): void => undefined;
  return parseOptions<Resolved>(
    given,
    {
      dtype: read.oneOf('auto', 'fp32', 'fp16', 'int8'),
      revision: read.string,
      cacheDir: read.string,
      endpoint: read.string,
      token: read.string,
      offline: read.boolean,
      verify: read.boolean,
      signal: read.signal,
      onProgress: readProgress,
      onWarning: read.callback,
      patience: (value, name) => {
        if (isPatience(value)) return value;
        throw new DiptychError('BAD_OPTION', 'expected { tries, waitMs, stallMs }', { input: name });
      },
    },
    {
      dtype: 'auto',
      revision: 'main',
      cacheDir: null,
      endpoint: null,
      token: null,
      offline: isOffline(),
      verify: false,
      signal: null,
      onProgress: nothing,
      onWarning: nothing,
      patience: PATIENCE,
    },
    'models pull',
  );
}

/** The repository that a name means. Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED where there is nothing to pull. */
export function repositoryOf(name: string): { readonly repo: string; readonly modelName: string } {
  const found = findCard(name);
  const id = hubIdOf(name);
  if (found === undefined) {
    if (id === null) throw unknownModel(name);
    return { repo: id, modelName: id };
  }
  const { card, source } = found;
  const repo = source?.repo ?? card.onnx[0]?.repo;
  if (repo !== undefined) return { repo, modelName: card.name };
  throw new DiptychError(
    'MODEL_UNSUPPORTED',
    `nobody has published ONNX files of it yet; export ${card.weights?.repo ?? 'its weights'} with training/export (docs/models-pull.md)`,
    { input: name },
  );
}

function choose(
  all: readonly HubFile[],
  dtype: 'auto' | Dtype,
  repo: string,
): { dtype: Dtype; files: HubFile[] } {
  const paths = all.map(({ path }) => path);
  const offered = (['fp32', 'fp16', 'int8'] as const).filter((type) => neededFiles(paths, type).length > 0);
  const chosen = dtype === 'auto' ? offered[0] : offered.find((type) => type === dtype);
  if (chosen !== undefined) {
    const needed = new Set(neededFiles(paths, chosen));
    return { dtype: chosen, files: all.filter(({ path }) => needed.has(path)) };
  }
  throw offered.length === 0
    ? new DiptychError(
        'MODEL_UNSUPPORTED',
        'the repository holds no ONNX graphs; export it with training/export',
        { input: repo },
      )
    : new DiptychError('BAD_OPTION', `it has no ${dtype} graphs, only ${offered.join(', ')}`, {
        input: repo,
      });
}

async function isCached(cache: RepoCache, file: HubFile, verify: boolean): Promise<boolean> {
  const blob = cache.blob(file);
  if (verify) return isIntact(blob, file);
  return (await stat(blob).catch(() => null))?.size === file.size;
}

async function checkRoom(cache: RepoCache, missing: readonly HubFile[]): Promise<void> {
  const free = await freeBytes(cache.root);
  if (free === null) return;
  let wanted = SPARE_BYTES;
  for (const file of missing) wanted += Math.max(0, file.size - (await partialSize(cache.blob(file))));
  if (missing.length === 0 || wanted <= free) return;
  const mb = (bytes: number): string => `${String(Math.ceil(bytes / 1e6))} MB`;
  throw new DiptychError(
    'OUTPUT_FAILED',
    `${mb(wanted)} are needed and ${mb(free)} are free; make room, or move the cache with DIPTYCH_CACHE`,
    { input: cache.root },
  );
}

/**
 * Fetches a model into the hub's cache: only the files that the dtype needs, resumed where an earlier pull stopped,
 * each checked by size and hash, and visible to loadModel only once all are whole.
 * Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED, DOWNLOAD_FAILED, OUTPUT_FAILED, BAD_OPTION, ABORTED.
 */
export async function pullModel(name: string, given?: PullOptions): Promise<Pulled> {
  const options = parsePullOptions(given);
  const { repo, modelName } = repositoryOf(name);
  if (options.offline) return pulledBefore(name, repo, options.dtype);
  const found = hubAccess();
  const access: HubAccess = {
    url: (options.endpoint ?? found.url).replace(/\/+$/, ''),
    token: options.token ?? found.token,
  };
  const signal = options.signal ?? undefined;
  const { commit, files: all } = await readRevision(repo, options.revision, access, options.patience, signal);
  const { dtype, files } = choose(all, options.dtype, repo);
  const cache = repoCache(options.cacheDir ?? cacheFolders()[0] ?? '', repo);
  const lock = await lockRepo(cache, signal, () => {
    options.onWarning(`another process is fetching ${repo}; waiting for it`);
  });
  try {
    const { cached, downloaded } = await fetchMissing({ repo, commit, cache, files, access, options });
    const folder = await publish(cache, commit, files, options.revision);
    const listed = files.map((file) => ({ path: file.path, size: file.size, cached: cached.has(file) }));
    return { name: modelName, repo, commit, dtype, folder, files: listed, downloaded };
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

interface Job {
  readonly repo: string;
  readonly commit: string;
  readonly cache: RepoCache;
  readonly files: readonly HubFile[];
  readonly access: HubAccess;
  readonly options: Resolved;
}

/** Brings the files that the cache lacks, one after the other. */
async function fetchMissing({
  repo,
  commit,
  cache,
  files,
  access,
  options,
}: Job): Promise<{ cached: ReadonlySet<HubFile>; downloaded: number }> {
  const signal = options.signal ?? undefined;
  const cached = new Set<HubFile>();
  for (const file of files) if (await isCached(cache, file, options.verify)) cached.add(file);
  const missing = files.filter((file) => !cached.has(file));
  await checkRoom(cache, missing);
  const totalSize = files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  let downloaded = 0;
  for (const file of files) {
    const { path, size } = file;
    const report = (received: number): void => {
      options.onProgress({ file: path, received, size, totalReceived: before + received, totalSize });
    };
    if (cached.has(file)) report(size);
    else {
      const start = await partialSize(cache.blob(file));
      const transfer = { repo, commit, file, blob: cache.blob(file) };
      await bring(transfer, { access, patience: options.patience, signal, onBytes: report });
      downloaded += Math.max(0, size - start);
    }
    before += size;
  }
  return { cached, downloaded };
}

/** What an offline pull finds in the cache. Throws MODEL_NOT_FOUND, BAD_OPTION for a dtype that is not there. */
async function pulledBefore(name: string, repo: string, dtype: 'auto' | Dtype): Promise<Pulled> {
  let located;
  try {
    located = locateModel(name);
  } catch (cause) {
    throw new DiptychError(
      'MODEL_NOT_FOUND',
      'not on this machine, and offline (HF_HUB_OFFLINE): pull it once with a network, or give a folder',
      { input: name, cause },
    );
  }
  const entries = await readdir(located.folder, { recursive: true });
  const found: HubFile[] = [];
  for (const entry of entries) {
    const info = await stat(join(located.folder, entry)).catch(() => null);
    // Hashes are the hub's to tell; here only names and sizes count.
    if (info?.isFile() !== true) continue;
    found.push({ path: entry.split(sep).join('/'), size: info.size, hash: { kind: 'git', hex: '' } });
  }
  const chosen = choose(found, dtype, name);
  return {
    name: located.name,
    repo,
    commit: basename(located.folder),
    dtype: chosen.dtype,
    folder: located.folder,
    files: chosen.files.map(({ path, size }) => ({ path, size, cached: true })),
    downloaded: 0,
  };
}
