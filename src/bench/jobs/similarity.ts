import { readFile } from 'node:fs/promises';
import { cosineSimilarity } from '../../similarity/cosine.js';
import { prepareCorpus } from '../../similarity/corpus.js';
import { topK } from '../../similarity/topk.js';
import type { Rows } from '../../similarity/rows.js';
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
