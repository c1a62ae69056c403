// npm run memory:images [-- --images N] [-- --workers N]: the process's resident set while N pictures (100,000 unless
// told otherwise) of all kinds, whole and broken, go through `preprocess` in batches. Fails when it grows by 20 MB or
// more after the first 1,000.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { preprocess } from '../dist/index.js';
import { root } from './lib/paths.mjs';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '2' },
    folders: { type: 'string', default: 'images,bad,generated,attack,icc' },
  },
});
const LIMIT = 20;
const BATCH = 50;
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;

const paths = values.folders.split(',').flatMap((name) => {
  const folder = join(root, 'test', 'fixtures', name);
  return readdirSync(folder)
    .filter((file) => !file.endsWith('.json'))
    .map((file) => join(folder, file));
});
const most = Number(values.images);
let base = null;
let peak = 0;
for (let done = 0; done < most; done += BATCH) {
  const batch = Array.from({ length: BATCH }, (_, i) => paths[(done + i) % paths.length]);
  // Every third batch as bytes rather than paths; every fifth with profiles, every seventh cut files kept.
  const items = (done / BATCH) % 3 === 0 ? batch.map((path) => readFileSync(path)) : batch;
  const options = { spec: { icc: (done / BATCH) % 5 === 0 }, allowTruncated: (done / BATCH) % 7 === 0 };
  await preprocess(items, { ...options, workers: Number(values.workers), maxPixels: 1e7 });
  const now = rss();
  if (done + BATCH >= 1000 && base === null) base = now;
  if (base !== null) peak = Math.max(peak, now);
  if ((done + BATCH) % (most / 20) === 0) {
    console.log(`${String(done + BATCH).padStart(8)} pictures: ${now.toFixed(1)} MB resident`);
  }
}
const growth = rss() - base;
console.log(
  `after the first 1,000: ${base.toFixed(1)} MB; growth ${growth.toFixed(1)} MB, at most ${(peak - base).toFixed(1)} MB`,
);
process.exitCode = growth < LIMIT ? 0 : 1;
