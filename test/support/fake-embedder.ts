import type { Embedder, EmbedFilesOptions } from '#diptych/pipeline/embed-files.js';
import { StageClock } from '#diptych/pipeline/stage-clock.js';
import type { EmbeddedBatch, StreamItem } from '#diptych/pipeline/stream.js';

const DIM = 4;

/** Options of embedFiles for tests: parts of ten inputs in numpy's format. */
export function filesOptions(folder: string, more: Partial<EmbedFilesOptions> = {}): EmbedFilesOptions {
  return {
    folder,
    existing: 'refuse',
    format: 'npy',
    dtype: 'fp32',
    shardSize: 10,
    onError: 'skip',
    maxFailures: Infinity,
    identity: { model: 'fake', options: {} },
    versions: {},
    ...more,
  };
}

/** A vector that depends on the content alone. */
export function vectorOf(content: string): Float32Array {
  let state = 7;
  for (const character of content) state = (state * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return Float32Array.from({ length: DIM }, (_, at) => ((state * (at + 3)) % 997) / 997);
}

/** A clock on which preprocessing took 1 s and encoding 2 s. */
function fakeStages(): StageClock {
  const stages = new StageClock();
  stages.add('preprocess', 1000);
  stages.add('encode', 2000);
  stages.encoded('image', 2000);
  return stages;
}

const contentOf = (item: StreamItem): { kind: 'image' | 'text'; content: string } => {
  if (typeof item === 'object' && 'text' in item) return { kind: 'text', content: item.text };
  const image = typeof item === 'object' && 'image' in item ? item.image : item;
  return { kind: 'image', content: String(image) };
};

/**
 * Stands in for the engine: batches of one kind, the kinds interleaved as two towers would; images whose path holds
 * "bad" fail, and those that `isGone` cannot be read. `onBatch` may throw, as a kill does.
 */
export function fakeEmbedder(
  batchSize: number,
  onBatch: (count: number) => void = () => undefined,
  isGone: (content: string) => boolean = () => false,
): Embedder {
  return {
    stages: fakeStages(),
    async *embedStream(source): AsyncGenerator<EmbeddedBatch, void, undefined> {
      const waiting: Record<'image' | 'text', { index: number; content: string }[]> = { image: [], text: [] };
      let index = 0;
      let batches = 0;
      const take = (kind: 'image' | 'text'): EmbeddedBatch => {
        onBatch(batches++);
        const items = waiting[kind].splice(0);
        const isBad = ({ content }: { content: string }): boolean =>
          content.includes('bad') || isGone(content);
        const good = items.filter((item) => !isBad(item));
        const data = new Float32Array(good.length * DIM);
        good.forEach(({ content }, row) => {
          data.set(vectorOf(content), row * DIM);
        });
        return {
          kind,
          data,
          rows: good.length,
          dim: DIM,
          vectors: 1,
          indices: good.map((item) => item.index),
          failures: items.filter(isBad).map((item) => ({
            index: item.index,
            input: item.content,
            stage: isGone(item.content) ? 'read' : 'decode',
            code: isGone(item.content) ? 'INPUT_NOT_FOUND' : 'IMAGE_CORRUPT',
            message: 'is broken',
          })),
          notices: [],
        };
      };
      for await (const item of source) {
        const { kind, content } = contentOf(item);
        waiting[kind].push({ index: index++, content });
        if (waiting[kind].length === batchSize) yield take(kind);
      }
      // The tower that filled last answers first: results come out of the order of the source.
      for (const kind of ['text', 'image'] as const) if (waiting[kind].length > 0) yield take(kind);
    },
  };
}
