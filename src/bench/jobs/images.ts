import { readFile } from 'node:fs/promises';
import { preprocess, resolveSpec, type PreprocessItem } from '../../image/preprocess.js';
import { native } from '../../native/load.js';
import { ParamReader, type Job } from '../job.js';
import type { Params } from '../types.js';

const readAll = (files: readonly string[]): Promise<Uint8Array[]> =>
  Promise.all(files.map(async (file) => Uint8Array.from(await readFile(file))));

/** The JPEG decoder without its place: records are shared, folders of a machine are not. */
const jpegDecoder = (): string =>
  native()
    .decoderInfo()
    .jpeg.replace(/ \(.*\)$/, '');

/** Files in memory to tensors (or to pixels, with `output: uint8`). */
export async function preprocessJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const workers = reader.number('threads');
  const decode = reader.optional('decode', 'exact') === 'fast' ? 'fast' : 'exact';
  const spec = reader.has('spec') ? resolveSpec(reader.raw('spec')) : resolveSpec();
  const files = reader.strings('files');
  const fromDisk = reader.optional('read', 'before') === 'each time';
  const items: readonly PreprocessItem[] = fromDisk ? files : await readAll(files);
  const { length } = (await preprocess(items, { spec, workers, decode })).data;
  const out = new Float32Array(length);
  let found: { readonly data: Float32Array; readonly shape: readonly number[] } | null = null;
  return {
    settings: `preprocess ${fromDisk ? 'of paths ' : ''}into the same buffer, decode ${decode}, ${String(workers)} worker(s), ${jpegDecoder()}`,
    run: async () => {
      found = await preprocess(items, { spec, workers, decode, out });
    },
    output: () => found ?? { data: new Float32Array(0), shape: [0] },
  };
}

/** Decoding alone, by the same decoder into reused memory: the image path's limit. */
export async function decodeJob(params: Params): Promise<Job> {
  const files = await readAll(new ParamReader(params).strings('files'));
  return {
    settings: `the addon's decoder alone, into reused memory, ${jpegDecoder()}`,
    run: () => {
      native().decodeOnly(files);
    },
  };
}

/** Resizing alone, of raw pixels, `pictures` of them a call. */
export async function resizeJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const size = [reader.number('toHeight'), reader.number('toWidth')] as const;
  const spec = resolveSpec({ size, resizeMode: 'squash', centerCrop: false });
  const data = Uint8Array.from(await readFile(reader.string('pixels')));
  const item = { data, width: reader.number('width'), height: reader.number('height') };
  const items = Array.from({ length: reader.number('pictures') }, () => item);
  const slot = size[0] * size[1] * 3;
  const out = new Uint8Array(items.length * slot);
  return {
    settings: `preprocess of raw pixels to uint8 into the same buffer, bicubic, 1 worker, ${String(items.length)} a call`,
    run: async () => {
      await preprocess(items, { spec, workers: 1, output: 'uint8', out });
    },
    output: () => ({ data: out.subarray(0, slot), shape: size.concat(3) }),
  };
}
