import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HUB_URL, HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { DiptychError, throwIfAborted } from '../errors.js';

/** How to reach the hub. */
export interface HubAccess {
  readonly url: string;
  readonly token: string | null;
}

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** What its bytes must hash to: SHA-256 for large files, Git's own hash of a blob for small ones. */
  readonly hash: { readonly kind: 'sha256' | 'git'; readonly hex: string };
}

/** The state of a repository at one commit. */
export interface HubRevision {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

/** Whether HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids the network. */
export function isOffline(environment: NodeJS.ProcessEnv = process.env): boolean {
  return isOn(environment['HF_HUB_OFFLINE']) || isOn(environment['TRANSFORMERS_OFFLINE']);
}

/** Endpoint and token as huggingface_hub finds them: HF_ENDPOINT; HF_TOKEN, else the file that its login writes. */
export function hubAccess(environment: NodeJS.ProcessEnv = process.env): HubAccess {
  const { HF_ENDPOINT, HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } =
    environment;
  const url = (HF_ENDPOINT ?? '').replace(/\/+$/, '');
  const home = HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const token = HF_TOKEN ?? HUGGING_FACE_HUB_TOKEN ?? readToken(HF_TOKEN_PATH ?? join(home, 'token'));
  return { url: url === '' ? HUB_URL : url, token: token === '' ? null : token };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Turns what the hub answered into our error. Codes: MODEL_NOT_FOUND, DOWNLOAD_FAILED. */
export function hubError(status: number, repo: string, access: HubAccess, cause?: unknown): DiptychError {
  const options = { input: repo, ...(cause === undefined ? {} : { cause }) };
  if (status === 401 || status === 403) {
    const why =
      access.token === null
        ? 'the hub wants a token (or there is no such repository): set HF_TOKEN'
        : 'the hub refuses this token: it may lack the right to this repository, or its terms are not yet accepted';
    return new DiptychError('DOWNLOAD_FAILED', `${why} (HTTP ${String(status)})`, options);
  }
  if (status === 404) {
    return new DiptychError(
      'MODEL_NOT_FOUND',
      'the hub has no such repository or revision; check the id',
      options,
    );
  }
  return new DiptychError(
    'DOWNLOAD_FAILED',
    `the hub answered HTTP ${String(status)}; try again later`,
    options,
  );
}

/** Statuses that pass by themselves. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

export interface Patience {
  /** Tries without a single byte of progress before giving up. */
  readonly tries: number;
  /** Wait before the second try, in milliseconds; doubled for each one after it, a minute at most. */
  readonly waitMs: number;
  /** A transfer that gives no byte for so long is cut and tried again. */
  readonly stallMs: number;
}

export const PATIENCE: Patience = { tries: 6, waitMs: 500, stallMs: 30_000 };

/** Milliseconds to wait before the next try: what the server asks for, else doubling, with a little chance. */
export function waitTime(attempt: number, retryAfter: string | null, { waitMs }: Patience): number {
  const asked = Number(retryAfter);
  if (retryAfter !== null && Number.isFinite(asked) && asked >= 0) return Math.min(asked * 1000, 60_000);
  const date = retryAfter === null ? NaN : Date.parse(retryAfter);
  if (!Number.isNaN(date)) return Math.min(Math.max(0, date - Date.now()), 60_000);
  return Math.min(waitMs * 2 ** attempt, 60_000) * (0.75 + Math.random() / 2);
}

/** Waits, or rejects with ABORTED. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      signal?.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(new DiptychError('ABORTED', 'the download was aborted', { cause: signal?.reason }));
    };
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** A fetch that tries again where the failure may pass (429, 5xx, a cut connection). */
export function patientFetch(
  access: HubAccess,
  patience: Patience,
  signal: AbortSignal | undefined,
): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    // Not through the library's option, which takes no token of a mirror or an enterprise hub.
    if (access.token !== null) headers.set('authorization', `Bearer ${access.token}`);
    for (let attempt = 0; ; attempt++) {
      throwIfAborted(signal);
      let retryAfter: string | null = null;
      try {
        const limits = [AbortSignal.timeout(patience.stallMs), ...(signal === undefined ? [] : [signal])];
        const response = await fetch(input, { ...init, headers, signal: AbortSignal.any(limits) });
        if (!isPassing(response.status) || attempt + 1 >= patience.tries) return response;
        retryAfter = response.headers.get('retry-after');
        await response.body?.cancel();
      } catch (error) {
        throwIfAborted(signal);
        if (attempt + 1 >= patience.tries) throw error;
      }
      await pause(waitTime(attempt, retryAfter, patience), signal);
    }
  };
}

/** Files must stay inside the snapshot: paths come from the repository, which anyone may have written. */
function isSafePath(path: string): boolean {
  return (
    path !== '' &&
    !/[\0\\:]/.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** The commit that a revision means and the files at it. Throws MODEL_NOT_FOUND, DOWNLOAD_FAILED, ABORTED. */
export async function readRevision(
  repo: string,
  revision: string,
  access: HubAccess,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<HubRevision> {
  const common = { hubUrl: access.url, fetch: patientFetch(access, patience, signal) };
  try {
    const { sha } = await modelInfo({ name: repo, revision, additionalFields: ['sha'], ...common });
    if (!/^[0-9a-f]{40}$/.test(sha)) {
      throw new DiptychError('DOWNLOAD_FAILED', `the hub names no commit for ${revision}`, { input: repo });
    }
    const files: HubFile[] = [];
    for await (const entry of listFiles({ repo, revision: sha, recursive: true, ...common })) {
      if (entry.type !== 'file' || !isSafePath(entry.path)) continue;
      const { path, lfs, oid } = entry;
      if (lfs !== undefined) files.push({ path, size: lfs.size, hash: { kind: 'sha256', hex: lfs.oid } });
      else if (oid !== undefined) files.push({ path, size: entry.size, hash: { kind: 'git', hex: oid } });
    }
    return { commit: sha, files };
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof DiptychError) throw error;
    if (error instanceof HubApiError) throw hubError(error.statusCode, repo, access, error);
    throw new DiptychError(
      'DOWNLOAD_FAILED',
      `the hub at ${access.url} cannot be reached: ${reasonOf(error)}`,
      {
        input: repo,
        cause: error,
      },
    );
  }
}

/** The `code` of a system error, '' where there is none. Not by instanceof: such errors may be of another realm. */
export function systemCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** What to tell of a failed request: fetch says "fetch failed" and keeps the reason in `cause`. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const deeper = 'cause' in error ? error.cause : undefined;
  if (typeof deeper === 'object' && deeper !== null && 'message' in deeper && deeper.message !== '') {
    return String(deeper.message);
  }
  return 'message' in error ? String(error.message) : 'unknown reason';
}
