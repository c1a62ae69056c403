import { describe, expect, it } from '@jest/globals';
import { BufferPool, BufferRing } from '#diptych/pipeline/buffer-pool.js';

const MEGABYTE = 2 ** 20;

async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  const late = Symbol('late');
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, late))])) === late;
}

describe('BufferRing', () => {
  it('has no more buffers out than its size, and hands them on in order', async () => {
    const ring = new BufferRing(new BufferPool(), () => 2);
    const first = await ring.take(MEGABYTE);
    await ring.take(MEGABYTE);
    const order: number[] = [];
    const third = ring.take(MEGABYTE).then((buffer) => {
      order.push(3);
      return buffer;
    });
    const fourth = ring.take(MEGABYTE).then((buffer) => {
      order.push(4);
      return buffer;
    });
    expect(await isWaiting(third)).toBe(true);
    ring.give(first === null ? [] : [first]);
    expect(await third).toBe(first);
    expect(await isWaiting(fourth)).toBe(true);
    // An encoder that kept the buffer has still made room.
    ring.give([]);
    expect((await fourth)?.byteLength).toBe(MEGABYTE);
    expect(order).toEqual([3, 4]);
  });

  it('lets nobody in between a buffer and the one who waits for it', async () => {
    const ring = new BufferRing(new BufferPool(), () => 1);
    await ring.take(8);
    const second = ring.take(8);
    ring.give([]);
    const third = ring.take(8);
    expect((await second)?.byteLength).toBe(8);
    expect(await isWaiting(third)).toBe(true);
    ring.end();
    expect(await third).toBeNull();
  });

  it('has all of its buffers after as many batches, and no more later', async () => {
    const pool = new BufferPool();
    const ring = new BufferRing(pool, () => 3);
    const seen = new Set<ArrayBuffer>();
    const counts: number[] = [];
    for (let batch = 0; batch < 6; batch++) {
      const buffer = await ring.take(MEGABYTE);
      if (buffer === null) throw new Error('the ring has ended');
      seen.add(buffer);
      counts.push(seen.size);
      ring.give([buffer]);
    }
    expect(counts).toEqual([1, 2, 3, 3, 3, 3]);
    // The next run starts with them, however short it is.
    const next = await new BufferRing(pool, () => 3).take(MEGABYTE);
    expect(next !== null && seen.has(next)).toBe(true);
  });

  it('goes on with more of them when its size has grown', async () => {
    let size = 1;
    const ring = new BufferRing(new BufferPool(), () => size);
    await ring.take(8);
    const waiting = [ring.take(8), ring.take(8)];
    size = 3;
    ring.give([]);
    expect((await Promise.all(waiting)).map((buffer) => buffer?.byteLength)).toEqual([8, 8]);
  });

  it('lets go of those who wait once it has ended, and of those who come later', async () => {
    const ring = new BufferRing(new BufferPool(), () => 1);
    await ring.take(8);
    const waiting = ring.take(8);
    ring.end();
    expect(await waiting).toBeNull();
    expect(await ring.take(8)).toBeNull();
  });
});
