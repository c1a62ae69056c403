import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { GraphPlan } from '../models/card.js';
import type { NativeSpec } from '../native/image-binding.js';
import type { TowerSession } from '../session/tower-session.js';
import { ImageTuner, type Layout, type TunerChoices } from './image-tuner.js';

/** Batches of up to this many bytes are tried; a run holds about five. */
const BATCH_BYTES = 64 * 2 ** 20;
const CUDA_BATCH_BYTES = 96 * 2 ** 20;
/** Trying other encoder threads holds the weights twice for a moment: not for larger graphs, which are encoder-bound anyway. */
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
  /** Bytes of one image's tensor, and of the graph's file. */
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

function layoutChoices({ threads, workers, open, cuda, graphBytes }: TunerSituation): Layout[] {
  const half = (count: number): number => Math.ceil(count / 2);
  const layouts: Layout[] = [{ threads, workers }];
  if (open.workers && !cuda && workers > 1) layouts.push({ threads, workers: half(workers) });
  if (open.threads && !cuda && threads > 1 && graphBytes <= RETUNE_BYTES) {
    layouts.push({ threads: half(threads), workers });
  }
  return layouts;
}

/** What is worth trying on this machine with this model. */
export function tunerChoices(situation: TunerSituation): TunerChoices {
  return { batches: batchChoices(situation), layouts: layoutChoices(situation) };
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
  const limit = process.constrainedMemory();
  const choices = tunerChoices({
    batchSize,
    fixedBatch: graph.fixedBatch,
    threads,
    workers,
    open,
    cuda: session.devices[0] !== 'cpu',
    imageBytes: imageBytes(graph, spec),
    graphBytes: statSync(graph.file).size,
    memoryBytes: Math.min(limit === 0 ? Infinity : limit, totalmem()),
  });
  return new ImageTuner(choices, (layout) => {
    session.retune(layout.threads);
  });
}
