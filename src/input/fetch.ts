import { lookup, type LookupAddress } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { DiptychError, messageOf } from '../errors.js';
import { Deadline } from './deadline.js';
import type { Download } from './download-room.js';
import { MOST_IMAGE_BYTES } from './item.js';

export interface FetchOptions {
  /** For the whole of one try, redirects included; the time in which it waits for room does not count. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly retries: number;
  /** Also fetch from this machine and its private networks. */
  readonly allowPrivate: boolean;
  readonly signal?: AbortSignal;
  /** Its place among the downloads that share a bound. */
  readonly download?: Download;
}

export const FETCH_DEFAULTS: FetchOptions = {
  timeoutMs: 20_000,
  maxBytes: MOST_IMAGE_BYTES,
  retries: 2,
  allowPrivate: false,
};

const MAX_REDIRECTS = 5;
const FIRST_PAUSE_MS = 250;

const privateNetworks = new BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  privateNetworks.addSubnet(address, prefix, 'ipv4');
}
for (const [address, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  privateNetworks.addSubnet(address, prefix, 'ipv6');
}

/**
 * Whether an address belongs to this machine or a network that is not the public internet. An IPv4 address in IPv6's
 * clothes (::ffff:10.0.0.1) is checked as what it is: BlockList does that itself.
 */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || privateNetworks.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Resolves a name for the connection itself, so that what is checked is what is connected to. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const first = error === null ? addresses[0] : undefined;
    if (error !== null || first === undefined) {
      callback(error ?? new Error(`${hostname} has no address`), '', 0);
    } else if (addresses.some(({ address }) => isPrivateAddress(address))) {
      callback(new PrivateAddress(hostname), '', 0);
    } else if (options.all === true) {
      callback(null, addresses);
    } else {
      callback(null, first.address, first.family);
    }
  });
};

class PrivateAddress extends Error {
  constructor(host: string) {
    super(`${host} is a private address; --allow-private-urls permits those`);
  }
}

/** A failure that may pass: worth another try. */
class Passing extends Error {}

const unreadable = (url: string, message: string, cause?: unknown): DiptychError =>
  new DiptychError('INPUT_UNREADABLE', message, { input: url, cause });

function request(url: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (!options.allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) {
      reject(new PrivateAddress(host));
      return;
    }
    const get = url.protocol === 'https:' ? https.get : http.get;
    const headers = { 'user-agent': 'diptych', accept: 'image/*,*/*;q=0.5' };
    const call = get(
      url,
      { signal, headers, ...(options.allowPrivate ? {} : { lookup: publicLookup }) },
      resolve,
    );
    call.once('error', reject);
  });
}

async function body(
  response: IncomingMessage,
  url: string,
  { maxBytes, download }: FetchOptions,
  deadline: Deadline,
): Promise<Uint8Array> {
  const declared = Number(response.headers['content-length'] ?? 0);
  const tooLarge = (): DiptychError =>
    new DiptychError('IMAGE_TOO_LARGE', `is larger than ${String(maxBytes)} bytes`, { input: url });
  if (declared > maxBytes) {
    response.destroy();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let length = 0;
  const stream: AsyncIterable<Buffer> = response;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > maxBytes) {
      response.destroy();
      throw tooLarge();
    }
    while (download?.take(chunk.length) === false) {
      // Others hold much: what is not asked for stays with the server.
      deadline.pause();
      await download.changed(deadline.signal);
      deadline.resume();
    }
    chunks.push(chunk);
  }
  // An answer without a length that is given up looks like one that has ended.
  deadline.signal.throwIfAborted();
  return Buffer.concat(chunks);
}

async function once(url: string, options: FetchOptions, deadline: Deadline): Promise<Uint8Array> {
  let target = new URL(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    if (target.protocol !== 'http:' && target.protocol !== 'https:') {
      throw unreadable(url, `leads to a ${target.protocol} address`);
    }
    const response = await request(target, options, deadline.signal);
    const status = response.statusCode ?? 0;
    if (status >= 300 && status < 400 && response.headers.location !== undefined) {
      response.resume();
      target = new URL(response.headers.location, target);
    } else if (status === 200) {
      return await body(response, url, options, deadline);
    } else {
      response.resume();
      if (status === 404 || status === 410) {
        throw new DiptychError('INPUT_NOT_FOUND', `the server says ${String(status)}`, { input: url });
      }
      const message = `the server says ${String(status)}`;
      if (status === 429 || status >= 500) throw new Passing(message);
      throw unreadable(url, message);
    }
  }
  throw unreadable(url, `redirects more than ${String(MAX_REDIRECTS)} times`);
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

/**
 * Bytes behind an http(s) URL. Throws INPUT_NOT_FOUND (404), IMAGE_TOO_LARGE, or INPUT_UNREADABLE for all else
 * (refused, too slow, private address, server error after all retries).
 */
export async function fetchBytes(url: string, options: FetchOptions = FETCH_DEFAULTS): Promise<Uint8Array> {
  for (let attempt = 0; ; attempt++) {
    const deadline = new Deadline(options.timeoutMs, options.signal);
    try {
      return await once(url, options, deadline);
    } catch (error) {
      options.download?.giveBack();
      if (error instanceof DiptychError) throw error;
      if (options.signal?.aborted === true) {
        throw new DiptychError('ABORTED', 'the operation was aborted by its signal', { cause: error });
      }
      if (error instanceof PrivateAddress) throw unreadable(url, error.message, error);
      const message = deadline.passed
        ? `no whole answer within ${String(options.timeoutMs / 1000)} s`
        : messageOf(error);
      // A server that is slow once will be slow again: only what fails fast is tried again.
      if (attempt >= options.retries || deadline.passed) throw unreadable(url, message, error);
    } finally {
      deadline.end();
    }
    await pause(FIRST_PAUSE_MS * 2 ** attempt);
  }
}
