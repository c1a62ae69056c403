/**
 * Embeds 200,000 small images with a trivial tower and tells how much the process grew between 10,000 and the end.
 *
 *     node scripts/memory-run.mjs [--images 200000] [--from 10000] [--format npy|parquet|jsonl]
 *
 * Ends with 1 where the resident set grew by 40 MB or more, or its peak was 500 MB or more above the model's files.
 * Linux only: it reads /proc.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { encode } from 'fast-png';
import { root } from './lib/paths.mjs';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '200000' },
    from: { type: 'string', default: '10000' },
    format: { type: 'string', default: 'npy' },
  },
});
const [images, from] = [Number(values.images), Number(values.from)];
const MOST_GROWTH = 40e6;
const MOST_PEAK = 500e6;

const work = mkdtempSync(path.join(tmpdir(), 'diptych-memory-'));

/** Fifty pictures of 32 x 32, and a list that names them over and over. */
function makeList() {
  const files = Array.from({ length: 50 }, (_, i) => {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (__, at) => (at * (i + 3) * 7) % 256);
    const file = path.join(work, `${i}.png`);
    writeFileSync(file, encode({ width: 32, height: 32, data, channels: 3 }));
    return file;
  });
  const list = path.join(work, 'list.csv');
  const rows = Array.from({ length: images }, (_, i) => `${files[i % files.length]},${i}`);
  writeFileSync(list, `image_path,number\n${rows.join('\n')}\n`);
  return list;
}

const statusOf = (pid, key) => {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
};
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

try {
  const { visionFolder, visionFile } = await import(path.join(root, 'dist', 'bench', 'towers.js'));
  const model = await visionFolder(work, 'trivial', false);
  const modelBytes = statSync(visionFile(model)).size;
  const out = path.join(work, 'out');
  const flags = ['--model', model, '--out', out, '--device', 'cpu', '--format', values.format];
  const main = path.join(root, 'dist', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, 'embed', makeList(), ...flags, '--progress', 'json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let before = null;
  let last = null;
  let peak = 0;
  let next = from;
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.startsWith('{')) {
      console.error(line);
      continue;
    }
    const { done, rate } = JSON.parse(line);
    if (done < next || done === images) continue;
    const resident = statusOf(child.pid, 'VmRSS');
    peak = statusOf(child.pid, 'VmHWM');
    before ??= resident;
    last = resident;
    console.log(`${String(done).padStart(8)} images  ${megabytes(resident)}  ${Math.round(rate)} images/s`);
    next += Math.max(from, images / 10);
  }
  const code = await exited;
  if (code !== 0 || before === null) throw new Error(`embed ended with ${code}`);
  const growth = last - before;
  const ok = growth < MOST_GROWTH && peak < modelBytes + MOST_PEAK;
  console.log(`grew by ${megabytes(growth)} (less than ${megabytes(MOST_GROWTH)})`);
  console.log(`peak ${megabytes(peak)}, model ${megabytes(modelBytes)}: ${ok ? 'ok' : 'FAIL'}`);
  process.exitCode = ok ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
