import { preprocess, type PreprocessOptions } from '../image/preprocess.js';
import type { PreprocessSpec } from '../image/spec.js';
import type { InputItem } from '../input/item.js';
import type { NativePixelType } from '../native/image-binding.js';
import { AtomicFile, publishAll } from '../output/atomic.js';
import { npyHeader } from '../output/npy.js';
import { groupBy } from './ordered.js';
import type { Failure, Notice } from './types.js';

export interface PreprocessFileOptions {
  readonly spec: Partial<PreprocessSpec>;
  readonly output: NativePixelType;
  readonly workers: number | null;
  readonly decode: 'exact' | 'fast';
  readonly limits: Pick<PreprocessOptions, 'maxPixels' | 'maxBytes' | 'imageTimeoutMs'>;
  readonly allowTruncated: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, failed: number) => void;
}

export interface PreprocessedFile {
  readonly shape: readonly number[];
  readonly failures: readonly Failure[];
  readonly notices: readonly Notice[];
}

/** NumPy's names of the types; it has none for bfloat16, whose bits are given as they are. */
const NPY_TYPES = { float32: '<f4', float16: '<f2', bfloat16: '<u2', uint8: '|u1' } as const;

/** Images in memory at once. */
const GROUP = 64;

/**
 * Preprocesses images into one .npy file: floats [n, 3, h, w], or uint8 [n, h, w, 3]. A failed image has no row.
 * Throws OUTPUT_FAILED, and what `preprocess` throws for a wrong spec; the file appears whole or not at all.
 */
export async function preprocessToFile(
  items: AsyncIterable<InputItem>,
  file: string,
  options: PreprocessFileOptions,
): Promise<PreprocessedFile> {
  const { spec, output, workers, decode, limits, allowTruncated, signal } = options;
  const type = NPY_TYPES[output];
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
    ...limits,
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
      const result = await preprocess(images, { ...common, output });
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
