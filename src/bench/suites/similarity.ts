import { join } from 'node:path';
import { native } from '../../native/load.js';
import { unitRows } from '../data.js';
import { limitSubject } from '../limits.js';
import type { BenchSettings, CasePlan, HostPlan, LimitPlan, Params, SubjectPlan, Suite } from '../types.js';

const DIM = 512;
const K = 10;

interface Peer {
  readonly name: string;
  readonly host: HostPlan;
}

const node = (peer: string, threads = 1): Peer => ({ name: peer, host: { kind: 'node', peer, threads } });
const python = (peer: string, name: string, threads = 1): Peer => ({
  name,
  host: { kind: 'python', peer, threads },
});

function own(job: string, params: Params, threads = 1): SubjectPlan {
  return {
    name: threads === 1 ? 'diptych' : `diptych x${String(threads)}`,
    role: 'own',
    host: { kind: 'diptych', threads },
    job,
    params: { ...params, threads },
    expect: 'same',
  };
}

const peer = ({ name, host }: Peer, job: string, params: Params): SubjectPlan => ({
  name,
  role: 'peer',
  host,
  job,
  params: { ...params, threads: host.threads ?? 1 },
  expect: 'noted',
});

const hasFeature = (name: string): boolean => native().cpuInfo().features.includes(name);
const amx = (): boolean => hasFeature('amx_int8');
const vnni = (): boolean => hasFeature('avx512vnni');

/** The same without AMX: products of a dense matrix are the FMA units' then. */
const withoutAmx = (subject: SubjectPlan): SubjectPlan[] =>
  amx()
    ? [
        {
          ...subject,
          name: `${subject.name}, without AMX`,
          host: { kind: 'diptych', kernel: 'avx512', threads: 1 },
        },
      ]
    : [];

/** What the FMA units can do when they must load what they multiply: no matrix product is above it. */
const fromCache = limitSubject('fp32-from-cache');
const ofLoads = {
  text: 'what loads leave of the fp32 FMA peak',
  of: fromCache.name,
  over: 'fp32 peak',
  quantity: 'rate',
} as const;

/** The share of it that a subject has whose products are all the FMA units'; `cost` as for any limit. */
const shareFromCache = (subject: string, cost: number): LimitPlan => ({
  subject: fromCache.name,
  cost,
  text: 'share of the fp32 FMA peak from cache',
  of: [subject],
});

/** Dense cosine matrix; unit: GFLOP/s of useful work, 2 x dim for each pair. */
function dense(size: number, threads: number, a: string, b: string): CasePlan {
  const params = { a, b, dim: DIM };
  const subjects = [
    own('dense', params),
    ...withoutAmx(own('dense', params)),
    peer(python('numpy', 'numpy (OpenBLAS)'), 'dense', params),
    peer(python('torch', 'torch (MKL)'), 'dense', params),
    limitSubject('fp32'),
    fromCache,
    ...(threads > 1 ? [own('dense', params, threads), limitSubject('fp32', threads)] : []),
  ];
  const flop = 2 * DIM * size * size;
  const many = `diptych x${String(threads)}`;
  return {
    suite: 'similarity',
    name: `dense ${String(size)} x ${String(size)}, d ${String(DIM)}, fp32`,
    unit: 'GFLOP/s',
    quantity: 'rate',
    work: flop / 1e9,
    subjects,
    check: { kind: 'close', reference: 'diptych', tolerance: 2e-6 },
    bars: [
      { text: 'against OpenBLAS', of: 'diptych', over: 'numpy (OpenBLAS)', quantity: 'rate', atLeast: 1.15 },
      { text: 'against MKL', of: 'diptych', over: 'torch (MKL)', quantity: 'rate', atLeast: 1.15 },
      ofLoads,
      ...(threads > 1
        ? ([
            {
              text: `${String(threads)} threads against 1`,
              of: many,
              over: 'diptych',
              quantity: 'rate',
              atLeast: 0.95 * threads,
            },
          ] as const)
        : []),
    ],
    limits: [
      {
        subject: 'fp32 peak',
        cost: 1,
        text: 'share of the fp32 FMA peak',
        except: [many],
        atLeast: { diptych: 0.85 },
      },
      shareFromCache(amx() ? 'diptych, without AMX' : 'diptych', 1),
      ...(threads > 1
        ? [
            {
              subject: `fp32 peak x${String(threads)}`,
              cost: 1,
              text: 'share of the fp32 FMA peak',
              of: [many],
            },
          ]
        : []),
    ],
  };
}

/** The bars of fp32 top-k at each number of queries. */
const TOPK_BARS: Readonly<
  Record<
    number,
    { readonly faiss: number | null; readonly node: number | null; readonly peak: number | null }
  >
> = {
  1: { faiss: null, node: null, peak: null },
  64: { faiss: 12, node: 20, peak: 0.8 },
  1024: { faiss: 1.6, node: 20, peak: 0.8 },
};

const atLeast = (value: number | null): { readonly atLeast?: number } =>
  value === null ? {} : { atLeast: value };

/** Top 10 of all rows; unit: queries/s. */
function topK(
  count: number,
  rows: number,
  files: { readonly rows: string; readonly queries: string },
): CasePlan {
  const params = { ...files, count, dim: DIM, k: K };
  const wants = TOPK_BARS[count] ?? { faiss: null, node: null, peak: null };
  const gflop = (2 * DIM * rows) / 1e9;
  const gigabytes = (4 * DIM * rows) / 1e9 / count;
  const exact: SubjectPlan = { ...own('topk', { ...params, precision: 'exact' }), name: 'diptych exact' };
  const fp32: SubjectPlan = { ...own('topk', { ...params, precision: 'fp32' }), name: 'diptych fp32' };
  const bf16: SubjectPlan = {
    ...own('topk', { ...params, precision: 'bf16' }),
    name: 'diptych bf16',
    expect: 'noted',
  };
  const int8: SubjectPlan = {
    ...own('topk', { ...params, precision: 'int8' }),
    name: 'diptych int8',
    expect: 'noted',
  };
  const prepared: SubjectPlan = {
    ...own('topk', { ...params, precision: 'exact', prepared: 'yes' }),
    name: 'diptych exact, prepared',
  };
  const single = count === 1;
  // fp32 makes only those products that a pass of int8 or bf16 leaves over, where the CPU is quick at those: what
  // exact gains is to be seen beside all of them, made by the FMA units.
  const products: SubjectPlan = {
    ...own('products', params),
    name: 'diptych fp32, every product',
    expect: 'skip',
  };
  // Where the CPU has neither, exact may be no slower than fp32.
  const gain = amx() ? 5 : vnni() ? 2.5 : 1;
  return {
    suite: 'similarity',
    name: `top ${String(K)}, ${String(count)} ${single ? 'query' : 'queries'} over ${rows.toLocaleString('en-US')} x ${String(DIM)}`,
    unit: 'queries/s',
    quantity: 'rate',
    work: count,
    subjects: [
      exact,
      prepared,
      fp32,
      ...(single ? [] : [...withoutAmx(fp32), products]),
      bf16,
      int8,
      peer(python('faiss', 'faiss'), 'topk', params),
      peer(python('numpy', 'numpy (OpenBLAS)'), 'topk', params),
      peer(python('torch', 'torch (MKL)'), 'topk', params),
      peer(node('usearch'), 'topk', params),
      ...(count <= 64 ? [peer(node('simsimd'), 'topk', params)] : []),
      limitSubject(single ? 'read' : 'fp32'),
      ...(single ? [] : [fromCache]),
    ],
    check: { kind: 'indices', reference: 'diptych exact', agreement: 0.999 },
    bars: [
      {
        text: 'fp32 against faiss',
        of: 'diptych fp32',
        over: 'faiss',
        quantity: 'rate',
        ...atLeast(wants.faiss),
      },
      {
        text: 'fp32 against usearch',
        of: 'diptych fp32',
        over: 'usearch',
        quantity: 'rate',
        ...atLeast(wants.node),
      },
      {
        text: 'fp32 against simsimd',
        of: 'diptych fp32',
        over: 'simsimd',
        quantity: 'rate',
        ...atLeast(wants.node),
      },
      { text: 'exact against fp32', of: 'diptych exact', over: 'diptych fp32', quantity: 'rate', atLeast: 1 },
      {
        text: 'exact on prepared rows against fp32',
        of: 'diptych exact, prepared',
        over: 'diptych fp32',
        quantity: 'rate',
        atLeast: count === 1024 ? gain : 1,
      },
      ...(single
        ? []
        : ([
            {
              text: 'exact on prepared rows against every product in fp32',
              of: 'diptych exact, prepared',
              over: products.name,
              quantity: 'rate',
              ...(count === 1024 ? { atLeast: gain } : {}),
            },
            ofLoads,
          ] as const)),
    ],
    limits: [
      ...(single ? [] : [shareFromCache(products.name, gflop)]),
      single
        ? {
            subject: 'read bandwidth',
            cost: gigabytes,
            text: 'share of the read bandwidth at 4 bytes a value',
            atLeast: { 'diptych fp32': 0.85 },
          }
        : {
            subject: 'fp32 peak',
            cost: gflop,
            text: 'share of the fp32 FMA peak',
            ...(wants.peak === null ? {} : { atLeast: { 'diptych fp32': wants.peak } }),
          },
    ],
  };
}

/** A figure in MiB that must stay below a given one. */
function memory(name: string, subject: SubjectPlan, most: number): CasePlan {
  const allowed: SubjectPlan = {
    name: 'allowed',
    role: 'limit',
    host: { kind: 'diptych' },
    job: 'constant',
    params: { value: most },
    expect: 'skip',
  };
  return {
    suite: 'similarity',
    name,
    unit: 'MiB',
    quantity: 'value',
    work: 1,
    subjects: [{ ...subject, expect: 'skip' }, allowed],
    check: null,
    bars: [{ text: 'of what is allowed', of: subject.name, over: allowed.name, quantity: 'time', atMost: 1 }],
    limits: [],
    maxSamples: 1,
  };
}

async function plan(settings: BenchSettings): Promise<readonly CasePlan[]> {
  const { scratch, smoke, threads } = settings;
  const size = smoke ? 256 : 4096;
  const rows = smoke ? 5_000 : 200_000;
  const [a, b, corpus, queries] = await Promise.all([
    unitRows(scratch, size, DIM, 1),
    unitRows(scratch, size, DIM, 2),
    unitRows(scratch, rows, DIM, 3),
    unitRows(scratch, 1024, DIM, 4),
  ]);
  const many = smoke ? 2_000 : 32_768;
  const fileRows = smoke ? 20_000 : 2_000_000;
  const [captions, images] = await Promise.all([
    unitRows(scratch, many, DIM, 7),
    unitRows(scratch, many, DIM, 8),
  ]);
  const name = (rows: number): string => rows.toLocaleString('en-US');
  return [
    memory(
      `memory of top 1, ${name(many)} queries over ${name(many)} x ${String(DIM)}`,
      own('topk-memory', { queries: captions, rows: images, dim: DIM }, threads),
      300,
    ),
    memory(
      `memory of top 10 in a file of ${name(fileRows)} x ${String(DIM)}`,
      own('topk-file', { path: join(scratch, 'rows.npy'), rows: fileRows, dim: DIM }, threads),
      1024,
    ),
    dense(size, threads, a, b),
    ...[1, 64, 1024].map((count) => topK(count, rows, { rows: corpus, queries })),
  ];
}

/** Dense matrices and top-k against the FMA peak, the read bandwidth and other engines. */
export const similaritySuite: Suite = { name: 'similarity', title: 'Similarity', plan };
