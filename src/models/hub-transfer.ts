import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { DiptychError, throwIfAborted, toDiptychError } from '../errors.js';
import {
  reasonOf,
  systemCode,
  hubError,
  isPassing,
  pause,
  waitTime,
  type HubAccess,
  type HubFile,
  type Patience,
} from './hub.js';

/** One file to bring: from where, into which blob. */
export interface Transfer {
  readonly repo: string;
  readonly commit: string;
  readonly file: HubFile;
  /** Where the finished file goes; `<blob>.incomplete` grows until then, over several tries and processes. */
  readonly blob: string;
}

export interface TransferOptions {
  readonly access: HubAccess;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes of the file that are on disk. */
  readonly onBytes: (received: number) => void;
}

/** A wrong checksum may come from a damaged transfer: one more, from the start, before it is the hub's fault. */
const CHECKSUM_TRIES = 2;

function startHash({ hash, size }: HubFile): Hash {
  if (hash.kind === 'sha256') return createHash('sha256');
  // Git hashes a blob with its length in front.
  return createHash('sha1').update(`blob ${String(size)}\0`);
}

/** Whether a file on disk has the size and the hash that the hub lists. */
export async function isIntact(path: string, file: HubFile): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true || found.size !== file.size) return false;
  const hash = startHash(file);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex') === file.hash.hex;
}

/** Bytes already there from an earlier try. */
export async function partialSize(blob: string): Promise<number> {
  return (await stat(`${blob}.incomplete`).catch(() => null))?.size ?? 0;
}

type Outcome =
  | { readonly state: 'complete' }
  | { readonly state: 'again'; readonly why: string; readonly retryAfter: string | null };

/** One request: appends what comes to the incomplete file. */
async function receive(transfer: Transfer, options: TransferOptions): Promise<Outcome> {
  const { repo, commit, file, blob } = transfer;
  const { access, patience, signal } = options;
  const incomplete = `${blob}.incomplete`;
  let from = await partialSize(blob);
  if (from > file.size) {
    await rm(incomplete, { force: true });
    from = 0;
  }
  if (file.size === 0) {
    await (await open(incomplete, 'w')).close();
    return { state: 'complete' };
  }
  if (from === file.size) return { state: 'complete' };
  const stall = new AbortController();
  const stalled = (): void => {
    stall.abort(new Error(`no byte came for ${String(patience.stallMs / 1000)} s`));
  };
  let timer = setTimeout(stalled, patience.stallMs);
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  try {
    const response = await fetch(`${access.url}/${repo}/resolve/${commit}/${path}`, {
      headers: {
        ...(access.token === null ? {} : { authorization: `Bearer ${access.token}` }),
        ...(from === 0 ? {} : { range: `bytes=${String(from)}-` }),
        // Compressed bodies would break both the byte count and the ranges.
        'accept-encoding': 'identity',
      },
      signal: AbortSignal.any([stall.signal, ...(signal === undefined ? [] : [signal])]),
    });
    if (response.status === 416) {
      await rm(incomplete, { force: true });
      return { state: 'again', why: 'the hub refused to go on where the last try ended', retryAfter: null };
    }
    if (isPassing(response.status)) {
      await response.body?.cancel();
      const retryAfter = response.headers.get('retry-after');
      return { state: 'again', why: `HTTP ${String(response.status)}`, retryAfter };
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      const input = `${repo}/${file.path}`;
      if (response.status === 404) {
        const message =
          'the hub lists this file but does not have it (HTTP 404): the repository may have changed a moment ago, ' +
          'so try again; else give another --revision, or ask its owner';
        throw new DiptychError('MODEL_NOT_FOUND', message, { input });
      }
      throw hubError(response.status, input, access);
    }
    const start =
      response.status === 206
        ? Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1])
        : 0;
    if (start !== from && start !== 0) {
      await response.body.cancel();
      await rm(incomplete, { force: true });
      return { state: 'again', why: 'the hub sent another part than asked for', retryAfter: null };
    }
    const handle = await open(incomplete, start === 0 ? 'w' : 'a');
    try {
      let received = start;
      options.onBytes(received);
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = setTimeout(stalled, patience.stallMs);
        received += chunk.byteLength;
        if (received > file.size)
          return { state: 'again', why: 'more bytes came than the file has', retryAfter: null };
        await handle.appendFile(chunk);
        options.onBytes(received);
      }
      if (received === file.size) {
        await handle.sync();
        return { state: 'complete' };
      }
      return {
        state: 'again',
        why: `${String(received)} of ${String(file.size)} bytes came`,
        retryAfter: null,
      };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof DiptychError) throw error;
    if (DISK_CODES.has(systemCode(error))) throw diskError(error, incomplete);
    return { state: 'again', why: reasonOf(error), retryAfter: null };
  } finally {
    clearTimeout(timer);
  }
}

const DISK_CODES = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'ENOTDIR']);

function diskError(error: unknown, path: string): DiptychError {
  const full = ['ENOSPC', 'EDQUOT'].includes(systemCode(error));
  const mend = full
    ? 'the disk is full; free some space, or move the cache with DIPTYCH_CACHE'
    : `it cannot be written: ${reasonOf(error)}`;
  return new DiptychError('OUTPUT_FAILED', mend, { input: path, cause: error });
}

/**
 * Brings one file: resumes where an earlier try ended, tries again while there is progress, checks size and hash,
 * and only then gives the file its name. Throws DOWNLOAD_FAILED, OUTPUT_FAILED, ABORTED.
 */
export async function bring(transfer: Transfer, options: TransferOptions): Promise<void> {
  const { file, blob, repo } = transfer;
  const { patience, signal } = options;
  const incomplete = `${blob}.incomplete`;
  const name = `${repo}/${file.path}`;
  let idle = 0;
  for (let checksums = 0; checksums < CHECKSUM_TRIES;) {
    const before = await partialSize(blob);
    const outcome = await receive(transfer, options);
    if (outcome.state === 'complete') {
      if (await isIntact(incomplete, file)) {
        await rename(incomplete, blob).catch((error: unknown) => {
          throw toDiptychError(error, 'OUTPUT_FAILED', blob);
        });
        return;
      }
      checksums++;
      await rm(incomplete, { force: true });
      continue;
    }
    idle = (await partialSize(blob)) > before ? 0 : idle + 1;
    if (idle >= patience.tries) {
      throw new DiptychError(
        'DOWNLOAD_FAILED',
        `gave up after ${String(idle)} tries without progress: ${outcome.why}; what came is kept, run it again to go on`,
        { input: name },
      );
    }
    await pause(waitTime(idle, outcome.retryAfter, patience), signal);
  }
  throw new DiptychError(
    'DOWNLOAD_FAILED',
    `what came twice differs from what the hub lists (${file.hash.kind} ${file.hash.hex}); nothing of it was kept`,
    { input: name },
  );
}
