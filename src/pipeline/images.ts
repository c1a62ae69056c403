import type { ErrorCode } from '../errors.js';
import { DiptychError, errorCodes, throwIfAborted } from '../errors.js';
import type { GraphPlan } from '../models/card.js';
import type { NativeImageOptions, NativeSpec } from '../native/image-binding.js';
import { native } from '../native/load.js';
import type { HostTensor, SessionHost } from '../session/host.js';
import { BufferRing, type BufferPool } from './buffer-pool.js';
import { groupBy, mapOrdered, type Load } from './ordered.js';
import { floatRows, isFiniteRow, normalizeRows } from './rows.js';
import type { ImageTuner } from './image-tuner.js';
import type { StageClock } from './stage-clock.js';
import type { Failure, Indexed, Notice, RowBatch } from './types.js';

/**
 * Batches being decoded at once: one in the pool's hands, and two behind it, so that the pool has work even when the
 * event loop is slow to see that one is done.
 */
const DECODE_AHEAD = 3;
/** Batches at each session: one running, one waiting, so that it never idles between runs. */
const ENCODE_AHEAD = 2;

export interface ImageTower {
  readonly graph: GraphPlan;
  readonly spec: NativeSpec;
  readonly options: NativeImageOptions;
  readonly session: () => Promise<SessionHost>;
  /** Sessions behind `session` now: each is given work of its own. */
  readonly sessions: () => number;
  /** Batch size and decode threads, and who is told how long the encoder took. */
  readonly tuner: ImageTuner;
  /** Input buffers, kept from call to call: their pages are dear to come by. */
  readonly buffers: BufferPool;
  readonly normalize: boolean;
  /** For runs that are resumed: the bits of a row do not depend on whether it was alone in its batch. */
  readonly stable?: boolean;
  readonly clock: StageClock;
}

export type ImageBytes = string | Uint8Array;

/**
 * Images that are held in memory before they are decoded (of tars, tables, downloads, the library's callers) go on at
 * this many bytes, however few they are: queues and batches are made for small ones.
 */
export const IMAGE_LOAD: Load<Indexed<ImageBytes>> = {
  weigh: ({ item }) => (typeof item === 'string' ? 0 : item.byteLength),
  most: 48 * 2 ** 20,
};

interface Decoded {
  readonly buffer: ArrayBuffer;
  readonly pixels: Float32Array | Uint16Array | Uint8Array;
  readonly indices: number[];
  readonly inputs: string[];
  readonly failures: Failure[];
  readonly notices: Notice[];
}

export function nameOf(item: ImageBytes, index: number): string {
  return typeof item === 'string' ? item : `image ${String(index)} (${String(item.byteLength)} bytes)`;
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

/** Embeds a stream of images: decode, resize and encode overlap; rows come in the order of the source. */
export async function* embedImages(
  tower: ImageTower,
  source: AsyncIterable<Indexed<ImageBytes>> | Iterable<Indexed<ImageBytes>>,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void, undefined> {
  const { height, width } = tower.spec;
  const type = tower.graph.inputs.pixels?.type ?? 'float32';
  const slot = 3 * height * width;
  const bytesPer = type === 'float32' ? 4 : type === 'float16' ? 2 : 1;
  const { tuner, clock, sessions } = tower;
  const decodeAhead = (): number => DECODE_AHEAD + sessions() - 1;
  const encodeAhead = (): number => ENCODE_AHEAD * sessions();
  // Enough for every batch that is being decoded and one in the encoder: decoding never waits for what it holds itself.
  const ring = new BufferRing(tower.buffers, () => decodeAhead() + 1);

  const view = (buffer: ArrayBuffer, rows: number): Decoded['pixels'] =>
    type === 'float32'
      ? new Float32Array(buffer, 0, rows * slot)
      : type === 'float16'
        ? new Uint16Array(buffer, 0, rows * slot)
        : new Uint8Array(buffer, 0, rows * slot);

  const decode = async (items: readonly Indexed<ImageBytes>[]): Promise<Decoded> => {
    const buffer = await ring.take(slot * Math.max(items.length, tuner.batchSize) * bytesPer);
    throwIfAborted(signal);
    if (buffer === null) throw new DiptychError('ABORTED', 'the run has ended');
    const done = clock.start('preprocess', 'image', items.length);
    const pixels = view(buffer, items.length);
    const cancel = new Int32Array(1);
    const onAbort = (): void => {
      Atomics.store(cancel, 0, 1);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const reports = await native()
      .preprocess(
        items.map(({ item }) => item),
        tower.spec,
        { ...tower.options, workers: tuner.layout.workers, output: type },
        pixels,
        cancel,
      )
      .finally(() => {
        done();
        signal?.removeEventListener('abort', onAbort);
      });
    throwIfAborted(signal);
    const result: Decoded = { buffer, pixels, indices: [], inputs: [], failures: [], notices: [] };
    items.forEach(({ index, item }, at) => {
      const report = reports[at];
      const input = nameOf(item, index);
      if (report?.ok === true) {
        // Good slots close ranks, so that the encoder does not work on empty ones.
        const row = result.indices.push(index) - 1;
        result.inputs.push(input);
        if (row !== at) pixels.copyWithin(row * slot, at * slot, (at + 1) * slot);
        if (report.warning !== undefined) result.notices.push({ index, input, message: report.warning });
      } else {
        const code = report !== undefined && isCode(report.code) ? report.code : 'IMAGE_CORRUPT';
        const message = report?.message ?? 'the decoder gave no answer';
        result.failures.push({
          index,
          input,
          stage: code.startsWith('INPUT_') ? 'read' : 'decode',
          code,
          message,
        });
      }
    });
    return result;
  };

  const decodeOrEnd = async (items: readonly Indexed<ImageBytes>[]): Promise<Decoded> => {
    try {
      return await decode(items);
    } catch (error) {
      ring.end();
      throw error;
    }
  };

  const encode = async (decoded: Decoded): Promise<RowBatch> => {
    const rows = decoded.indices.length;
    const { failures, notices } = decoded;
    if (rows === 0) {
      ring.give([decoded.buffer]);
      return { data: new Float32Array(0), rows, dim: 0, vectors: 1, indices: [], failures, notices };
    }
    const session = await tower.session();
    const name = tower.graph.inputs.pixels?.name ?? session.inputNames[0] ?? 'pixel_values';
    const dims = type === 'uint8' ? [rows, height, width, 3] : [rows, 3, height, width];
    const feed: HostTensor = { type, data: view(decoded.buffer, rows), dims };
    const done = clock.start('encode', 'image', rows);
    const result = await session
      .run(
        { [name]: feed },
        {
          outputs: [tower.graph.output],
          fixedBatch: tower.graph.fixedBatch,
          neverAlone: tower.stable === true && tuner.batchSize > 1,
          idle: tower.graph.idle,
        },
      )
      .finally(done);
    ring.give(result.returned);
    clock.encoded('image', result.milliseconds, sessions());
    tuner.encoded(rows, result.milliseconds);
    const output = result.outputs[tower.graph.output];
    return finishRows(output, rows, decoded, tower.normalize);
  };

  // Opened while the first batch is decoded; what is wrong with it is told when it is asked for again.
  tower.session().catch(() => undefined);
  const groups = groupBy(source, () => tuner.batchSize, IMAGE_LOAD);
  const end = (): void => {
    ring.end();
  };
  signal?.addEventListener('abort', end, { once: true });
  try {
    const decoded = mapOrdered(groups, decodeAhead, decodeOrEnd, signal);
    yield* mapOrdered(decoded, encodeAhead, encode, signal);
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

/** Normalises a tower's output and takes out rows that are not finite, which become failures. */
export function finishRows(
  output: HostTensor | undefined,
  rows: number,
  batch: {
    readonly indices: number[];
    readonly inputs: string[];
    readonly failures: Failure[];
    readonly notices: Notice[];
  },
  normalize: boolean,
): RowBatch {
  if (output === undefined) throw new TypeError('the session returned no output');
  const { data, dim, vectors } = floatRows(output, rows);
  const stride = dim * vectors;
  const indices: number[] = [];
  const failures = [...batch.failures];
  batch.indices.forEach((index, row) => {
    if (isFiniteRow(data, row * stride, (row + 1) * stride)) {
      const kept = indices.push(index) - 1;
      if (kept !== row) data.copyWithin(kept * stride, row * stride, (row + 1) * stride);
    } else {
      const message = 'the encoder gave an embedding that is not finite (NaN or infinity)';
      failures.push({
        index,
        input: batch.inputs[row] ?? '',
        stage: 'encode',
        code: 'SESSION_FAILED',
        message,
      });
    }
  });
  const kept = indices.length === rows ? data : data.slice(0, indices.length * stride);
  if (normalize) normalizeRows(kept, dim);
  return { data: kept, rows: indices.length, dim, vectors, indices, failures, notices: batch.notices };
}
