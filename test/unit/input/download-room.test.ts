import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Deadline } from '#diptych/input/deadline.js';
import { DownloadRoom } from '#diptych/input/download-room.js';
import { FETCH_DEFAULTS, fetchBytes } from '#diptych/input/fetch.js';
import { inputItems, type SourceOptions } from '#diptych/pipeline/item-source.js';

const GOOD = Buffer.alloc(300_000, 7);

let server: Server;
let base = '';
beforeAll(async () => {
  const chunk = Buffer.alloc(1 << 14, 0xff);
  server = createServer((request, response) => {
    if (request.url?.startsWith('/good') === true) {
      response.end(GOOD);
      return;
    }
    // Endless: as fast as it is read.
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', pour);
    pour();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('DownloadRoom', () => {
  test('the first in line goes on whatever the others hold; the others wait for their turn', async () => {
    const room = new DownloadRoom(100);
    const [first, second, third] = [room.open(), room.open(), room.open()];
    expect(second.take(60)).toBe(true);
    expect(third.take(60)).toBe(false);
    expect(first.take(1000)).toBe(true);
    expect(room.held).toBe(1060);
    const turned: string[] = [];
    const never = new AbortController().signal;
    const waiting = third.changed(never).then(() => turned.push('third'));
    await sleep(1);
    expect(turned).toEqual([]);
    first.close();
    await waiting;
    expect(room.held).toBe(60);
    expect(second.take(500)).toBe(true);
    second.giveBack();
    expect(third.take(60)).toBe(true);
    second.close();
    expect(third.take(1000)).toBe(true);
  });

  test('a wait ends with its signal', async () => {
    const room = new DownloadRoom(10);
    room.open().take(10);
    const late = room.open();
    expect(late.take(1)).toBe(false);
    const controller = new AbortController();
    const waiting = late.changed(controller.signal);
    controller.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
  });

  test('sixteen endless answers at once hold no more than the bound and one answer; good ones among them come', async () => {
    const most = 1 << 20;
    const maxBytes = 1 << 19;
    const room = new DownloadRoom(most);
    let highest = 0;
    const look = setInterval(() => (highest = Math.max(highest, room.held)), 0);
    const urls = Array.from(
      { length: 20 },
      (_, i) => `${base}/${i % 5 === 4 ? 'good' : 'endless'}/${String(i)}`,
    );
    const results = await Promise.all(
      urls.map(async (url) => {
        const download = room.open();
        const options = { ...FETCH_DEFAULTS, allowPrivate: true, maxBytes, download };
        const result = await fetchBytes(url, options).catch((error: unknown) => error);
        highest = Math.max(highest, room.held);
        download.close();
        return result;
      }),
    );
    clearInterval(look);
    results.forEach((result, i) => {
      if (i % 5 === 4) expect(result instanceof Uint8Array && GOOD.equals(result)).toBe(true);
      else expect(result).toMatchObject({ code: 'IMAGE_TOO_LARGE' });
    });
    expect(highest).toBeGreaterThan(maxBytes);
    expect(highest).toBeLessThanOrEqual(most + maxBytes);
    expect(room.held).toBe(0);
  });

  test('a command that stops taking its items leaves nothing under way', async () => {
    const options: SourceOptions = {
      kind: 'image',
      columns: { image: null, text: null },
      stdin: new PassThrough(),
      scratch: '.',
      share: null,
      concurrency: 4,
      timeoutMs: 60_000,
      maxBytes: null,
      allowPrivateUrls: true,
    };
    const items = inputItems([`${base}/good/0`, `${base}/endless/1`, `${base}/endless/2`], options);
    const first = await items.next();
    expect(first.value).toMatchObject({ shape: 'image', name: `${base}/good/0` });
    await items.return();
    expect((await items.next()).done).toBe(true);
  });
});

describe('Deadline', () => {
  test('passes after its time, in which pauses do not count', async () => {
    const deadline = new Deadline(30);
    deadline.pause();
    await sleep(60);
    expect(deadline.passed).toBe(false);
    expect(deadline.signal.aborted).toBe(false);
    deadline.resume();
    await new Promise((resolve) => {
      deadline.signal.addEventListener('abort', resolve);
    });
    expect(deadline.passed).toBe(true);
    deadline.end();
  });

  test('ends with another signal, before or after it was made', () => {
    const outer = new AbortController();
    const deadline = new Deadline(60_000, outer.signal);
    outer.abort();
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.passed).toBe(false);
    deadline.end();
    const late = new Deadline(60_000, outer.signal);
    expect(late.signal.aborted).toBe(true);
    late.end();
  });
});
