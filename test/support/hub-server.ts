import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request for a file. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  /** The connection is cut after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly after: number }
  /** One byte of the body is another. */
  | { readonly kind: 'damage' }
  /** The body stops coming, the connection stays open. */
  | { readonly kind: 'stall'; readonly after: number }
  /** Range is ignored: the whole file comes. */
  | { readonly kind: 'no-range' };

export interface HubRepo {
  readonly commit: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly token?: string;
  /** Faults by path; each is used up by one request for it. '*' is the API. */
  readonly faults?: Record<string, Fault[]>;
  /** Hashes to lie about. */
  readonly wrongHash?: readonly string[];
  /** Entries per page of the file list. */
  readonly page?: number;
}

export interface HubServer extends AsyncDisposable {
  readonly url: string;
  /** Requests seen: `GET path [range]`. */
  readonly log: string[];
}

const isLarge = (path: string): boolean => path.endsWith('.onnx') || path.includes('onnx_data');

function entryOf(path: string, bytes: Uint8Array, wrong: boolean): object {
  const git = createHash('sha1')
    .update(`blob ${String(bytes.length)}\0`)
    .update(bytes)
    .digest('hex');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const spoil = (hex: string): string => (wrong ? `${hex.startsWith('0') ? '1' : '0'}${hex.slice(1)}` : hex);
  return {
    type: 'file',
    path,
    size: bytes.length,
    oid: isLarge(path) ? '0'.repeat(40) : spoil(git),
    ...(isLarge(path) ? { lfs: { oid: spoil(sha256), size: bytes.length, pointerSize: 130 } } : {}),
  };
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  fault: Fault | undefined,
): void {
  if (fault?.kind === 'status') {
    response.writeHead(
      fault.status,
      fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter },
    );
    response.end('busy');
    return;
  }
  const range =
    fault?.kind === 'no-range' ? undefined : /^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1];
  const from = Number(range ?? 0);
  if (from >= bytes.length && bytes.length > 0) {
    response.writeHead(416, { 'content-range': `bytes */${String(bytes.length)}` }).end();
    return;
  }
  const body = Buffer.from(bytes.subarray(from));
  if (fault?.kind === 'damage') body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1;
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': body.length,
    ...(range === undefined
      ? {}
      : { 'content-range': `bytes ${String(from)}-${String(bytes.length - 1)}/${String(bytes.length)}` }),
  });
  if (fault?.kind !== 'cut' && fault?.kind !== 'stall') {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, fault.after), () => {
    // The client has to see the bytes before the end of the connection.
    if (fault.kind === 'cut') setTimeout(() => response.destroy(), 20);
  });
}

/** A server of the hub's API for models: revision, tree (in pages), resolve with ranges. */
export async function serveHub(repos: Readonly<Record<string, HubRepo>>): Promise<HubServer> {
  const log: string[] = [];
  let url = '';
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const target = new URL(request.url ?? '/', url);
    const path = decodeURIComponent(target.pathname);
    log.push(`GET ${path}${request.headers.range === undefined ? '' : ` ${request.headers.range}`}`);
    const json = (value: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    };
    const name = Object.keys(repos).find(
      (id) => path.startsWith(`/api/models/${id}/`) || path.startsWith(`/${id}/`),
    );
    const repo = repos[name ?? ''];
    if (name === undefined || repo === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Repository not found"}');
      return;
    }
    if (repo.token !== undefined && request.headers.authorization !== `Bearer ${repo.token}`) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"Invalid credentials"}');
      return;
    }
    if (path.startsWith('/api/')) {
      const fault = repo.faults?.['*']?.shift();
      if (fault?.kind === 'status') {
        response
          .writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter })
          .end();
        return;
      }
      const revision = /\/revision\/(.+)$/.exec(path)?.[1];
      if (revision !== undefined) {
        if (revision !== 'main' && revision !== repo.commit) {
          response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Invalid rev id"}');
          return;
        }
        json({ _id: '1', id: name, sha: repo.commit, private: false, lastModified: '2026-01-01T00:00:00Z' });
        return;
      }
      const all = Object.entries(repo.files).map(([file, bytes]) =>
        entryOf(file, bytes, repo.wrongHash?.includes(file) === true),
      );
      const start = Number(target.searchParams.get('cursor') ?? 0);
      const end = start + (repo.page ?? all.length);
      target.searchParams.set('cursor', String(end));
      json(all.slice(start, end), end < all.length ? { link: `<${target.href}>; rel="next"` } : {});
      return;
    }
    const file = path.slice(`/${name}/resolve/${repo.commit}/`.length);
    const bytes = repo.files[file];
    if (bytes === undefined) response.writeHead(404).end();
    else sendFile(request, response, bytes, repo.faults?.[file]?.shift());
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url,
    log,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
