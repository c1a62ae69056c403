/**
 * Walks a flat folder of many empty files and tells how much memory that takes, and whether the names come in order.
 *
 *     node scripts/walk-memory.mjs [--entries 2000000] [--folder DIR (made before, and kept)]
 *
 * Ends with 1 where the resident set grew by 100 MB or more, a name was out of order, or one was missing.
 */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './lib/paths.mjs';

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '2000000' }, folder: { type: 'string' } },
});
const entries = Number(values.entries);
const MOST_GROWTH = 100e6;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

const work = mkdtempSync(path.join(tmpdir(), 'diptych-walk-'));
try {
  const flat = values.folder ?? path.join(work, 'flat');
  if (!existsSync(flat)) {
    mkdirSync(flat);
    for (let i = 0; i < entries; i++) {
      // Numbers without leading zeros: their order is not that of their making.
      closeSync(openSync(path.join(flat, `photo-${(i * 7919) % entries}.jpg`), 'w'));
    }
  }
  const { walk } = await import(path.join(root, 'dist', 'input', 'walk.js'));
  const before = process.memoryUsage.rss();
  const began = performance.now();
  let [count, most, last, first, ordered] = [0, before, '', null, true];
  for await (const found of walk(flat, { scratch: work })) {
    first ??= performance.now();
    ordered &&= last < found.file;
    last = found.file;
    if (++count % 20_000 === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  const seconds = (from, to) => `${((to - from) / 1000).toFixed(1)} s`;
  const peak = Math.max(most, process.resourceUsage().maxRSS * 1024);
  console.log(
    `${count} entries, ${ordered ? 'in order' : 'OUT OF ORDER'}, first after ${seconds(began, first)}`,
  );
  console.log(`all after ${seconds(began, performance.now())}`);
  console.log(`resident before ${megabytes(before)}, at most ${megabytes(peak)}`);
  const ok = ordered && count === entries && peak - before < MOST_GROWTH;
  console.log(ok ? 'ok' : 'FAIL');
  process.exitCode = ok ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
