import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FETCH_DEFAULTS, fetchBytes, isPrivateAddress, type FetchOptions } from '#diptych/input/fetch.js';

let server: Server;
let base = '';
let flaky = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  if (url === '/ok') response.end('bytes');
  else if (url === '/flaky') response.writeHead(flaky++ < 2 ? 503 : 200).end('at last');
  else if (url === '/missing') response.writeHead(404).end();
  else if (url === '/forbidden') response.writeHead(403).end();
  else if (url === '/broken') response.writeHead(500).end();
  else if (url === '/loop') response.writeHead(302, { location: '/loop' }).end();
  else if (url === '/moved') response.writeHead(301, { location: 'ok' }).end();
  else if (url === '/elsewhere') response.writeHead(302, { location: 'file:///etc/hostname' }).end();
  else if (url === '/large')
    response.writeHead(200, { 'content-length': '1000000' }).end(Buffer.alloc(1_000_000));
  else if (url === '/endless') {
    const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
    response.on('close', () => {
      clearInterval(timer);
    });
  } else if (url === '/cut') {
    response.writeHead(200, { 'content-length': '100' });
    response.write('short');
    setTimeout(() => response.destroy(), 10);
  } else if (url === '/drip') {
    // As HTTP/1.0 has it: the end of the connection is the end of the answer.
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { connection: 'close' }).write('a piece');
  }
  // "/silent" never answers.
}

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const get = (path: string, more: Partial<FetchOptions> = {}): Promise<Uint8Array> =>
  fetchBytes(`${base}${path}`, {
    ...FETCH_DEFAULTS,
    allowPrivate: true,
    retries: 0,
    timeoutMs: 2000,
    ...more,
  });

describe('fetchBytes', () => {
  test('gives the bytes, after redirects and passing failures too', async () => {
    expect(Buffer.from(await get('/ok')).toString()).toBe('bytes');
    expect(Buffer.from(await get('/moved')).toString()).toBe('bytes');
    expect(Buffer.from(await get('/flaky', { retries: 2 })).toString()).toBe('at last');
  });

  test.each([
    ['/missing', 'INPUT_NOT_FOUND', /404/],
    ['/forbidden', 'INPUT_UNREADABLE', /403/],
    ['/broken', 'INPUT_UNREADABLE', /500/],
    ['/loop', 'INPUT_UNREADABLE', /redirects more than/],
    ['/elsewhere', 'INPUT_UNREADABLE', /file:/],
    ['/large', 'IMAGE_TOO_LARGE', /larger than 500000/],
    ['/endless', 'IMAGE_TOO_LARGE', /larger than 500000/],
    ['/silent', 'INPUT_UNREADABLE', /within 0.3 s/],
    ['/drip', 'INPUT_UNREADABLE', /within 0.3 s/],
    ['/cut', 'INPUT_UNREADABLE', /aborted|hang up|reset/],
  ])('%s is a %s', async (path, code, message) => {
    const failed = get(path, {
      maxBytes: 500_000,
      timeoutMs: ['/silent', '/drip'].includes(path) ? 300 : 2000,
    });
    await expect(failed).rejects.toMatchObject({ code, input: `${base}${path}` });
    await expect(failed).rejects.toThrow(message);
  });

  test('a private address is refused unless allowed', async () => {
    await expect(get('/ok', { allowPrivate: false })).rejects.toThrow(/private address/);
    const port = base.split(':').at(-1) ?? '';
    const named = fetchBytes(`http://localhost:${port}/ok`, { ...FETCH_DEFAULTS, retries: 0 });
    await expect(named).rejects.toThrow(/private address/);
  });

  test('a signal ends it with ABORTED', async () => {
    const controller = new AbortController();
    const failed = get('/silent', { signal: controller.signal });
    controller.abort();
    await expect(failed).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test.each([
    ['127.0.0.1', true],
    ['10.1.2.3', true],
    ['172.16.0.1', true],
    ['172.32.0.1', false],
    ['192.168.1.1', true],
    ['169.254.169.254', true],
    ['8.8.8.8', false],
    ['::1', true],
    ['fe80::1', true],
    ['fd00::1', true],
    ['::ffff:10.0.0.1', true],
    ['2001:4860:4860::8888', false],
    ['no address', true],
  ])('%s is private: %p', (address, expected) => {
    expect(isPrivateAddress(address)).toBe(expected);
  });
});
