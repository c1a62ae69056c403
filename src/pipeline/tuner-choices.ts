import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { GraphPlan } from '../models/card.js';
import type { NativeSpec } from '../native/image-binding.js';
import type { TowerSession } from '../session/tower-session.js';
import { ImageTuner, type Layout, type TunerChoices } from './image-tuner.js';

/** Batches of up to this many bytes are tried; a run holds about five. */
const BATCH_BYTES = 64 * 2 ** 20;
const CUDA_BATCH_BYTES = 96 * 2 ** 20;
/** Sessions beside the first may take so much memory for their copies of the weights, and an eighth of what there is. */
const COPIES_BYTES = 384 * 2 ** 20;
/** More of them were never measured, and each holds batches in wait. */
const MOST_SESSIONS = 4;
/** Trying fewer encoder threads holds the weights twice for a moment: not for larger graphs, which are encoder-bound anyway. */
const RETUNE_BYTES = 256 * 2 ** 20;

/** What the choices follow from. */
export interface TunerSituation {
  /** As the user gave it. */
  readonly batchSize: number | 'auto';
  /** Batch size that the graph is bound to. */
  readonly fixedBatch: number | null;
  readonly threads: number;
  readonly workers: number;
  /** Which of the two the user left open. */
  readonly open: { readonly threads: boolean; readonly workers: boolean };
  readonly cuda: boolean;
  /** Bytes of one image's tensor, and of the graph's files. */
  readonly imageBytes: number;
  readonly graphBytes: number;
  /** Memory that this process may use, its container's limit included. */
  readonly memoryBytes: number;
}

function batchChoices(situation: TunerSituation): number[] {
  const { batchSize, fixedBatch, cuda, imageBytes, memoryBytes } = situation;
  if (fixedBatch !== null && fixedBatch > 1) return [fixedBatch];
  if (batchSize !== 'auto') return [batchSize];
  const most = Math.min(cuda ? CUDA_BATCH_BYTES : BATCH_BYTES, memoryBytes / 40);
  const fitting = (sizes: readonly number[]): number[] => sizes.filter((size) => size * imageBytes <= most);
  // The CPU gains little beyond 8 (bench encoder) and answers sooner; a GPU is filled by the largest.
  const sizes = cuda ? fitting([32, 128, 256]).reverse() : fitting([8, 16, 32]);
  return sizes.length > 0 ? sizes : [Math.max(1, Math.min(cuda ? 32 : 8, Math.floor(most / imageBytes)))];
}

function layoutChoices({ threads, workers, open, cuda, graphBytes, memoryBytes }: TunerSituation): Layout[] {
  const half = (count: number): number => Math.ceil(count / 2);
  if (cuda) return [{ sessions: 1, threads, workers }];
  const sessions = sessionsWorth(threads, graphBytes, memoryBytes);
  const layouts: Layout[] = [{ sessions, threads, workers }];
  if (open.workers && workers > 1) layouts.push({ sessions, threads, workers: half(workers) });
  if (open.threads && threads > 1 && graphBytes <= RETUNE_BYTES) {
    layouts.push({ sessions: 1, threads: half(threads), workers });
  }
  return layouts;
}

/**
 * Sessions to share the encoder's threads among in a long run: threads of one session wait for each other after every
 * operator, sessions never do (1.04 times the images of one session on two idle cores, 1.1 to 1.4 times on cores that others
 * use as well). The most that memory allows and that divide the threads.
 */
export function sessionsWorth(threads: number, graphBytes: number, memoryBytes: number): number {
  const copies = Math.floor(Math.min(COPIES_BYTES, memoryBytes / 8) / Math.max(1, graphBytes));
  let sessions = Math.min(threads, MOST_SESSIONS, 1 + copies);
  while (sessions > 1 && threads % sessions !== 0) sessions--;
  return Math.max(1, sessions);
}

/** Bytes of a graph with its weights, and of the memory that this process may use, its container's limit included. */
export function graphAndMemory({ file, external }: GraphPlan): { graphBytes: number; memoryBytes: number } {
  const limit = process.constrainedMemory();
  return {
    graphBytes: [file, ...external].reduce((sum, path) => sum + statSync(path).size, 0),
    memoryBytes: Math.min(limit === 0 ? Infinity : limit, totalmem()),
  };
}

/** What is worth trying on this machine with this model. */
export function tunerChoices(situation: TunerSituation): TunerChoices {
  const { threads, workers } = situation;
  const start = { sessions: 1, threads, workers };
  return { batches: batchChoices(situation), start, layouts: layoutChoices(situation) };
}

/** Bytes of one image as the graph takes it. */
function imageBytes(graph: GraphPlan, spec: NativeSpec): number {
  const type = graph.inputs.pixels?.type ?? 'float32';
  return 3 * spec.height * spec.width * (type === 'float32' ? 4 : type === 'float16' ? 2 : 1);
}

/** The tuner of a model's image tower; `open`: which numbers of threads are to be measured. */
export function openTuner(
  graph: GraphPlan,
  spec: NativeSpec,
  session: TowerSession,
  options: Pick<TunerSituation, 'batchSize' | 'threads' | 'workers'>,
  open: TunerSituation['open'],
): ImageTuner {
  const { batchSize, threads, workers } = options;
  const choices = tunerChoices({
    batchSize,
    fixedBatch: graph.fixedBatch,
    threads,
    workers,
    open,
    cuda: session.devices[0] !== 'cpu',
    imageBytes: imageBytes(graph, spec),
    ...graphAndMemory(graph),
  });
  return new ImageTuner(choices, (layout) => session.retune(layout));
}
