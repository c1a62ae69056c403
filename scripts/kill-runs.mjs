/**
 * Kills `diptych embed` or `diptych capfilt` (kill -9) at random moments, resumes it, and compares every file but
 * run.json with those of a run that was never stopped. The models are tiny ones of random weights, so that the kills
 * fall on the work of the pipeline rather than on the opening of sessions.
 *
 *     node scripts/kill-runs.mjs [--kills 30] [--seed 1] [--format npy,parquet,jsonl] [--inputs mixed,folder,csv,tar]
 *                                [--images 180]                      formats and inputs take turns
 *     node scripts/kill-runs.mjs --command capfilt [--kills 10] [--seed 1]
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { root } from './lib/paths.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    format: { type: 'string', default: 'npy,parquet,jsonl' },
    inputs: { type: 'string', default: 'mixed' },
    images: { type: 'string', default: '180' },
    command: { type: 'string', default: 'embed' },
  },
});
const isCapfilt = values.command === 'capfilt';
const formats = isCapfilt ? ['jsonl'] : values.format.split(',');
const kinds = isCapfilt ? ['web'] : values.inputs.split(',');
const images = isCapfilt ? 60 : Number(values.images);

/** Mulberry32: the same moments for the same seed. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const work = mkdtempSync(path.join(tmpdir(), 'diptych-kills-'));
const photos = path.join(root, 'examples', 'photos');
const models = path.join(root, 'test', 'fixtures', 'families');

/** Images, broken ones among them. */
function makeImages() {
  const folder = path.join(work, 'images');
  mkdirSync(folder);
  const files = readdirSync(photos).filter((name) => name.endsWith('.jpg'));
  for (let i = 0; i < images; i++) {
    const from = path.join(photos, files[i % files.length]);
    const to = path.join(folder, `${String(i).padStart(5, '0')}.jpg`);
    if (i % 11 === 5) writeFileSync(to, readFileSync(from).subarray(0, 3000));
    else copyFileSync(from, to);
  }
  return folder;
}

const folder = makeImages();
const paths = readdirSync(folder)
  .sort()
  .map((name) => path.join(folder, name));

function written(name, lines) {
  const file = path.join(work, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/** The images as samples of a webdataset, with their keys' own metadata. */
async function makeTar() {
  const { pack } = await import('tar-stream');
  const file = path.join(work, 'images.tar');
  const archive = pack();
  const done = pipeline(archive, createWriteStream(file));
  for (const [i, image] of paths.entries()) {
    archive.entry({ name: path.basename(image) }, readFileSync(image));
    archive.entry({ name: `${path.basename(image, '.jpg')}.json` }, JSON.stringify({ number: i }));
  }
  archive.finalize();
  await done;
  return file;
}

/** By name: what is given to the command. */
const makers = {
  /** Images, texts and pairs in one run. */
  mixed: () => [
    folder,
    written(
      'texts.jsonl',
      Array.from({ length: 120 }, (_, i) => JSON.stringify(`text number ${i % 30}`)),
    ),
    written('pairs.csv', [
      'image_path,caption',
      ...paths.slice(10, 30).map((file, i) => `${file},caption ${i}`),
    ]),
  ],
  folder: () => [folder],
  csv: () => [written('images.csv', ['image_path,number', ...paths.map((file, i) => `${file},${i}`)])],
  tar: async () => [await makeTar()],
  /** Pairs of the web for capfilt, some of which cannot be read. */
  web: () => [
    written(
      'web.jsonl',
      paths.map((image, i) => JSON.stringify({ image, text: `web caption ${i % 9}` })),
    ),
  ],
};
const inputs = new Map();
for (const kind of kinds) inputs.set(kind, await makers[kind]());
/** Many parts whatever there is to do. */
const shardSize = Math.max(7, Math.round(images / 40));

function ownFlags(format) {
  const model = (name) => path.join(models, name);
  return isCapfilt
    ? ['--captioner', model('blip-caption'), '--filter', model('blip-itm'), '--threshold', '0.4']
    : ['--model', model('clip-vit'), '--resume', '--shard-size', String(shardSize), '--format', format];
}

/** Runs the command; kills it after `killAfterMs` where given. Resolves to the exit code, null when killed. */
function run(out, kind, format, killAfterMs = null) {
  const main = path.join(root, 'dist', 'cli', 'main.js');
  const flags = ['--out', out, ...ownFlags(format), '--device', 'cpu', '--quiet'];
  const child = spawn(process.execPath, [main, values.command, ...inputs.get(kind), ...flags], {
    // capfilt names what failed there, each time.
    stdio: ['ignore', 'ignore', isCapfilt ? 'ignore' : 'inherit'],
  });
  const timer = killAfterMs === null ? null : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

function snapshot(folder) {
  const files = new Map();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'run.json') continue;
    const file = path.join(entry.parentPath, entry.name);
    files.set(path.relative(folder, file), readFileSync(file));
  }
  return files;
}

function differences(expected, found) {
  const names = new Set([...expected.keys(), ...found.keys()]);
  return [...names].filter((name) => {
    const [a, b] = [expected.get(name), found.get(name)];
    return a === undefined || b === undefined || !a.equals(b);
  });
}

/** What a run that nobody stops makes, and how long it takes. */
async function uninterrupted(kind, format) {
  const out = path.join(work, `whole-${kind}-${format}`);
  const began = performance.now();
  const code = await run(out, kind, format);
  if (code !== 3) throw new Error(`the run that was not stopped ended with ${code}`);
  return { files: snapshot(out), duration: performance.now() - began };
}

let failed = false;
try {
  const expected = new Map();
  const random = randomFrom(Number(values.seed));
  for (let kill = 1; kill <= Number(values.kills); kill++) {
    const format = formats[kill % formats.length];
    const kind = kinds[Math.floor(kill / formats.length) % kinds.length];
    const name = `${kind} ${format}`;
    if (!expected.has(name)) expected.set(name, await uninterrupted(kind, format));
    const { files, duration } = expected.get(name);
    const out = path.join(work, `run-${kill}`);
    const moments = [];
    let stopped = 0;
    // A third of the runs are killed again while they are resumed.
    for (let again = true; again; again = random() < 1 / 3) {
      const moment = random() * duration;
      moments.push(`${Math.round(moment)} ms`);
      if ((await run(out, kind, format, moment)) === null) stopped++;
    }
    const parts = existsSync(path.join(out, 'run.json'))
      ? (JSON.parse(readFileSync(path.join(out, 'run.json'), 'utf8')).parts?.length ?? 0)
      : 0;
    const last = await run(out, kind, format);
    const different = differences(files, snapshot(out));
    const ok = last === 3 && different.length === 0;
    failed ||= !ok;
    const when = `${moments.join(', ')} of ${Math.round(duration)} ms`;
    console.log(
      `${ok ? 'ok  ' : 'FAIL'} ${kill}: ${isCapfilt ? 'capfilt' : name}, killed ${stopped} times, after ${when}; ${parts} parts were whole; ${different.length} of ${files.size} files differ`,
    );
    if (!ok) console.log(`     exit code ${last}; these differ: ${different.join(', ')}`);
    rmSync(out, { recursive: true, force: true });
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
