import { preprocess } from '../image/preprocess.js';
import type { PreprocessSpec } from '../image/spec.js';
import type { InputItem } from '../input/item.js';
import { AtomicFile, publishAll } from '../output/atomic.js';
import { npyHeader } from '../output/npy.js';
import { groupBy } from './ordered.js';
import type { Failure, Notice } from './types.js';

export interface PreprocessFileOptions {
  readonly spec: Partial<PreprocessSpec>;
  readonly output: 'float32' | 'uint8';
  readonly workers: number | null;
  readonly decode: 'exact' | 'fast';
  readonly maxPixels: number | null;
  readonly allowTruncated: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, failed: number) => void;
}

export interface PreprocessedFile {
  readonly shape: readonly number[];
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

/** Images in memory at once. */
const GROUP = 64;

/**
 * Preprocesses images into one .npy file: float32 [n, 3, h, w], or uint8 [n, h, w, 3]. A failed image has no row.
 * Throws OUTPUT_FAILED, and what `preprocess` throws for a wrong spec; the file appears whole or not at all.
 */
export async function preprocessToFile(
  items: AsyncIterable<InputItem>,
  file: string,
  options: PreprocessFileOptions,
): Promise<PreprocessedFile> {
  const { spec, output, workers, decode, maxPixels, allowTruncated, signal } = options;
  const type = output === 'uint8' ? '|u1' : '<f4';
  const target = await AtomicFile.create(file);
  const failures: Failure[] = [];
  const notices: Notice[] = [];
  let rows = 0;
  let done = 0;
  let tail: readonly number[] = [0, 0, 0];
  const common = {
    spec,
    decode,
    allowTruncated,
    signal,
    ...(workers === null ? {} : { workers }),
    ...(maxPixels === null ? {} : { maxPixels }),
  };
  try {
    // The header's length does not depend on the number of rows: the true one takes this one's place.
    await target.append(npyHeader(type, [0, ...tail]));
    for await (const group of groupBy(items, GROUP)) {
      const contents = group.flatMap((item) =>
        item.shape === 'image' || item.shape === 'pair' ? [{ name: item.name, image: item.image }] : [],
      );
      group.forEach((item, index) => {
        if (item.shape !== 'broken') return;
        const { code, message } = item.error;
        failures.push({ index: done + index, input: item.name, stage: 'read', code, message });
      });
      const images = contents.map(({ image }) => image);
      const result =
        output === 'uint8'
          ? await preprocess(images, { ...common, output: 'uint8' })
          : await preprocess(images, common);
      const { data, shape } = result;
      rows += shape[0] ?? 0;
      tail = shape.slice(1);
      await target.append(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      for (const { index, input, code, message } of result.failures) {
        const stage = code.startsWith('INPUT_') ? 'read' : 'decode';
        failures.push({ index: done + index, input: contents[index]?.name ?? input, stage, code, message });
      }
      for (const { index, input, message } of result.notices) {
        notices.push({ index: done + index, input: contents[index]?.name ?? input, message });
      }
      done += group.length;
      options.onProgress(done, failures.length);
    }
    const shape = [rows, ...tail];
    await target.patch(npyHeader(type, shape), 0);
    await publishAll([target]);
    return { shape, failures, notices };
  } catch (error) {
    await target.discard();
    throw error;
  }
}
