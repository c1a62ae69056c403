import { open, readFile, rm } from 'node:fs/promises';
import { cosineSimilarity } from '../../similarity/cosine.js';
import { prepareCorpus } from '../../similarity/corpus.js';
import { topKFile } from '../../similarity/file.js';
import { rangeSearch } from '../../similarity/range.js';
import { topK } from '../../similarity/topk.js';
import type { Rows } from '../../similarity/rows.js';
import { npyHeader } from '../../output/npy.js';
import { makeUnitRows } from '../data.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';
import { DiptychError } from '../../errors.js';

/** Rows from a raw float32 file. */
export async function readRows(file: string, dim: number): Promise<Rows> {
  const bytes = await readFile(file);
  const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return { data, rows: data.length / dim, dim };
}

const threadsText = (threads: number): string => `${String(threads)} ${threads === 1 ? 'thread' : 'threads'}`;

/** The whole cosine matrix of two sets of rows, into memory that is reused. */
export async function denseJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const dim = reader.number('dim');
  const threads = reader.number('threads');
  const [a, b] = await Promise.all([readRows(reader.string('a'), dim), readRows(reader.string('b'), dim)]);
  const out = new Float32Array(a.rows * b.rows);
  return {
    settings: `cosineSimilarity, fp32, ${threadsText(threads)}, into the same output`,
    run: async () => {
      await cosineSimilarity(a, b, { threads, out, metric: 'dot' });
    },
    output: () => ({ data: out, shape: [a.rows, b.rows] }),
  };
}

const PRECISIONS = ['exact', 'fp32', 'bf16', 'int8'] as const;

/** The k best rows of each query. */
export async function topKJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [dim, k, threads] = [reader.number('dim'), reader.number('k'), reader.number('threads')];
  const wanted = reader.string('precision');
  const precision = PRECISIONS.find((name) => name === wanted);
  if (precision === undefined) {
    throw new DiptychError('BAD_OPTION', `expected one of ${PRECISIONS.join(', ')}`, { input: wanted });
  }
  const rows = await readRows(reader.string('rows'), dim);
  const all = await readRows(reader.string('queries'), dim);
  const count = reader.number('count');
  const queries = { data: all.data.subarray(0, count * dim), rows: count, dim };
  const prepared = reader.optional('prepared', 'no') === 'yes';
  const corpus = prepared ? await prepareCorpus(rows, { threads, metric: 'dot' }) : rows;
  let indices: Int32Array = new Int32Array(0);
  return {
    settings: `topK${prepared ? ' over a prepared corpus' : ''}, ${precision}, ${threadsText(threads)}`,
    run: async () => {
      ({ indices } = await topK(queries, corpus, k, { threads, precision, metric: 'dot' }));
    },
    output: () => ({ data: indices, shape: [count, k] }),
  };
}

/** Every product of queries and rows in fp32, none of them kept: a range search for what no row reaches. */
export async function productsJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [dim, threads, count] = [reader.number('dim'), reader.number('threads'), reader.number('count')];
  const rows = await readRows(reader.string('rows'), dim);
  const all = await readRows(reader.string('queries'), dim);
  const queries = { data: all.data.subarray(0, count * dim), rows: count, dim };
  const corpus = await prepareCorpus(rows, { threads, metric: 'dot' });
  return {
    settings: `rangeSearch for dot products of 2 and more, fp32, ${threadsText(threads)}`,
    run: async () => {
      await rangeSearch(queries, corpus, 2, { threads, precision: 'fp32' });
    },
  };
}

const MEBIBYTE = 2 ** 20;

/** The most that this process has had in memory, in MiB (VmHWM); the present size where the system does not tell. */
async function peakMiB(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kibibytes = /VmHWM:\s+(\d+)/.exec(status)?.[1];
  return kibibytes === undefined ? process.memoryUsage.rss() / MEBIBYTE : Number(kibibytes) / 1024;
}

/** Memory beyond the inputs that a top-1 of all rows against all rows needs. */
export async function topKMemoryJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [dim, threads] = [reader.number('dim'), reader.number('threads')];
  const [queries, rows] = await Promise.all([
    readRows(reader.string('queries'), dim),
    readRows(reader.string('rows'), dim),
  ]);
  let extra = 0;
  return {
    settings: `topK, k 1, exact, ${threadsText(threads)}; peak of the resident set less its size with the inputs`,
    run: async () => {
      const before = process.memoryUsage.rss() / MEBIBYTE;
      await topK(queries, rows, 1, { threads });
      extra = Math.max(0, (await peakMiB()) - before);
    },
    value: () => extra,
  };
}

/** A .npy file of `rows` rows: the same block of random unit rows again and again, which costs the search the same. */
async function writeRowFile(path: string, rows: number, dim: number): Promise<void> {
  const block = makeUnitRows(Math.min(rows, 20_000), dim, 5);
  const file = await open(path, 'w');
  try {
    await file.write(npyHeader('<f4', [rows, dim]));
    for (let done = 0; done < rows; done += block.length / dim) {
      const part = block.subarray(0, Math.min(block.length, (rows - done) * dim));
      await file.write(new Uint8Array(part.buffer, 0, part.byteLength));
    }
  } finally {
    await file.close();
  }
}

/** The most memory that a search through a large file takes, the whole process counted. */
export async function topKFileJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [dim, rows, threads] = [reader.number('dim'), reader.number('rows'), reader.number('threads')];
  const path = reader.string('path');
  await writeRowFile(path, rows, dim);
  const queries = { data: makeUnitRows(64, dim, 6), rows: 64, dim };
  let peak = 0;
  return {
    settings: `topKFile, 64 queries, k 10, exact, ${threadsText(threads)}; peak of the resident set of the process`,
    run: async () => {
      await topKFile(queries, path, 10, { threads });
      peak = await peakMiB();
    },
    value: () => peak,
    close: async () => {
      await rm(path, { force: true });
    },
  };
}
