import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loadModel, type Model } from '../../engine.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';

const threadsText = (threads: number): string => `${String(threads)} thread(s)`;

/** Files to unit vectors through the whole engine. */
export async function embedImagesJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const files = reader.strings('files');
  const threads = reader.number('threads');
  const batchSize = reader.raw('batch') === 'auto' ? 'auto' : reader.number('batch');
  const model = await loadModel(reader.string('model'), {
    device: 'cpu',
    threads,
    workers: threads,
    batchSize,
    onWarning: () => undefined,
  });
  let rows: Awaited<ReturnType<Model['embedImages']>> | null = null;
  return {
    settings: `embedImages of paths, batches of ${batchSize === 'auto' ? 'as many as it measures best' : String(batchSize)}, ${threadsText(threads)}`,
    run: async () => {
      rows = await model.embedImages(files);
    },
    output: () => ({ data: rows?.data ?? new Float32Array(0), shape: [rows?.rows ?? 0, rows?.dim ?? 0] }),
    close: () => model.close(),
  };
}

/** Texts to unit vectors. */
export async function embedTextsJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const texts = reader.strings('texts');
  const threads = reader.number('threads');
  const model = await loadModel(reader.string('model'), {
    device: 'cpu',
    threads,
    onWarning: () => undefined,
  });
  return {
    settings: `embedTexts, batch auto, ${threadsText(threads)}`,
    run: async () => {
      await model.embedTexts(texts);
    },
    close: () => model.close(),
  };
}

/** Texts to ids. */
export async function tokenizeJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const texts = reader.strings('texts');
  const model = await loadModel(reader.string('model'), { device: 'cpu', onWarning: () => undefined });
  let rows: Awaited<ReturnType<Model['tokenize']>> = [];
  return {
    settings: `tokenize of ${String(texts.length)} texts`,
    run: async () => {
      rows = await model.tokenize(texts);
    },
    output: () => ({
      data: Int32Array.from(rows.flatMap(({ ids }) => ids)),
      shape: [rows.length, rows[0]?.ids.length ?? 0],
    }),
    close: () => model.close(),
  };
}

/** Runs a Node.js program to its end. @throws Error with what it said, when it fails. */
function runNode(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: unknown) => (said += String(chunk)));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`exit code ${String(code)}: ${said.trim()}`));
    });
  });
}

/** A process from its start to its end: our own modules alone, to the first embedding of one photo, or the command. */
export function startJob(params: Params): Job {
  const reader = new ParamReader(params);
  const entry = new URL('../start.js', import.meta.url);
  const what = reader.string('what');
  const model = reader.string('model');
  const file = reader.string('file');
  const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const flags = ['--model', model, '--out', reader.string('out'), '--overwrite', '--quiet'];
  const commands: Readonly<Record<string, readonly string[]>> = {
    node: ['-e', ''],
    command: [program, 'embed', file, ...flags],
  };
  return {
    settings: `a new process: ${what}`,
    run: () => runNode(commands[what] ?? [fileURLToPath(entry), what, model, file]),
  };
}

const MEBIBYTE = 2 ** 20;

function residentMiB(): number {
  global.gc?.();
  return process.memoryUsage.rss() / MEBIBYTE;
}

/** How much the resident set grows over many images, after the first rounds have filled the caches. */
export async function memoryJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const files = reader.strings('files');
  const [threads, rounds] = [reader.number('threads'), reader.number('rounds')];
  const model = await loadModel(reader.string('model'), {
    device: 'cpu',
    threads,
    workers: threads,
    onWarning: () => undefined,
  });
  let grown = 0;
  return {
    settings: `resident set after ${String(rounds)} x ${String(files.length)} images less that after the first quarter`,
    run: async () => {
      let settled = 0;
      for (let round = 0; round < rounds; round++) {
        if (round === Math.ceil(rounds / 4)) settled = residentMiB();
        await model.embedImages(files);
      }
      grown = residentMiB() - settled;
    },
    value: () => grown,
    close: () => model.close(),
  };
}
