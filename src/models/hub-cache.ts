import { randomUUID } from 'node:crypto';
import {
  open,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  copyFile,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { DiptychError, toDiptychError } from '../errors.js';
import { makeFolder } from '../folders.js';
import { pause, reasonOf, systemCode, type HubFile } from './hub.js';

/** The places of one repository inside the hub's cache folder, as huggingface_hub lays them out. */
export interface RepoCache {
  readonly root: string;
  readonly blobs: string;
  snapshot(commit: string): string;
  blob(file: HubFile): string;
}

export function repoCache(cache: string, repo: string): RepoCache {
  const root = join(cache, `models--${repo.replaceAll('/', '--')}`);
  return {
    root,
    blobs: join(root, 'blobs'),
    snapshot: (commit) => join(root, 'snapshots', commit),
    blob: ({ hash }) => join(root, 'blobs', hash.hex),
  };
}

/** Bytes free for this user on the disk of a folder that may not exist yet; null where the system does not tell. */
export async function freeBytes(folder: string): Promise<number | null> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await statfs(at).catch(() => null);
    if (found !== null) return found.bavail * found.bsize;
    if (dirname(at) === at) return null;
  }
}

/** Links a blob into a snapshot: a relative link as huggingface_hub makes, a copy where links are not allowed. */
async function link(blob: string, target: string): Promise<void> {
  await makeFolder(dirname(target));
  const way = relative(dirname(target), blob);
  if ((await readlink(target).catch(() => '')) === way) return;
  const fresh = `${target}.${randomUUID()}`;
  try {
    await symlink(way, fresh);
  } catch {
    await copyFile(blob, fresh);
  }
  await rename(fresh, target);
}

/** Configs first, then weights beside a graph, then the graphs: a graph in a snapshot has all that it needs. */
function linkRank(path: string): number {
  if (path.endsWith('.onnx')) return 2;
  return /\.(onnx_data|onnx\.data|data)/.test(path) ? 1 : 0;
}

/**
 * Makes a snapshot of verified blobs. A new one appears in one step; to one that is there the files are added,
 * graphs last. Throws OUTPUT_FAILED.
 */
export async function publish(
  cache: RepoCache,
  commit: string,
  files: readonly HubFile[],
  reference: string,
): Promise<string> {
  const snapshot = cache.snapshot(commit);
  const ordered = [...files].sort((a, b) => linkRank(a.path) - linkRank(b.path));
  try {
    if ((await stat(snapshot).catch(() => null)) === null) {
      // Beside the final place and as deep, so that relative links hold after the move.
      const staged = join(cache.root, 'staging', `${commit}-${randomUUID()}`);
      for (const file of ordered) await link(cache.blob(file), join(staged, file.path));
      await makeFolder(dirname(snapshot));
      const moved = await rename(staged, snapshot).then(
        () => true,
        () => false,
      );
      // Another process was faster: its snapshot is filled up below.
      if (!moved) await rm(staged, { recursive: true, force: true });
      await rm(join(cache.root, 'staging'), { recursive: true, force: true });
    }
    for (const file of ordered) await link(cache.blob(file), join(snapshot, file.path));
    const ref = join(cache.root, 'refs', reference);
    await makeFolder(dirname(ref));
    const fresh = `${ref}.${randomUUID()}`;
    await writeFile(fresh, commit);
    await rename(fresh, ref);
  } catch (error) {
    throw toDiptychError(error, 'OUTPUT_FAILED', snapshot);
  }
  return snapshot;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** A held lock is touched this often; one not touched for STALE_MS has lost its holder (a container, another host). */
const TOUCH_MS = 5_000;
const STALE_MS = 60_000;

/** Whether the process that wrote a lock is gone. */
async function isStale(lock: string): Promise<boolean> {
  const [text, info] = await Promise.all([
    readFile(lock, 'utf8').catch(() => null),
    stat(lock).catch(() => null),
  ]);
  if (text === null || info === null) return false;
  if (Date.now() - info.mtimeMs > STALE_MS) return true;
  const [pid, host] = text.split('@');
  return host === hostname() && Number(pid) !== process.pid && !isAlive(Number(pid));
}

/** Holds a repository for one process, so that two of them do not write one incomplete file. */
export async function lockRepo(
  cache: RepoCache,
  signal: AbortSignal | undefined,
  onWait: () => void,
): Promise<AsyncDisposable> {
  const lock = join(cache.root, '.diptych-lock');
  const unwritable = (error: unknown): never => {
    throw new DiptychError(
      'OUTPUT_FAILED',
      `the cache folder cannot be written to (${reasonOf(error)}); move it with DIPTYCH_CACHE`,
      { input: cache.root, cause: error },
    );
  };
  await makeFolder(cache.blobs).catch(unwritable);
  for (let waited = false; ; waited = true) {
    const handle = await open(lock, 'wx').catch((error: unknown) =>
      systemCode(error) === 'EEXIST' ? null : unwritable(error),
    );
    if (handle !== null) {
      await handle.writeFile(`${String(process.pid)}@${hostname()}`);
      await handle.close();
      const touch = setInterval(() => {
        const now = new Date();
        utimes(lock, now, now).catch(() => undefined);
      }, TOUCH_MS).unref();
      return {
        [Symbol.asyncDispose]: async () => {
          clearInterval(touch);
          await rm(lock, { force: true });
        },
      };
    }
    if (await isStale(lock)) await rm(lock, { force: true });
    else {
      if (!waited) onWait();
      await pause(200, signal);
    }
  }
}
