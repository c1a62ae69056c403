// transformers.js: its CLIP image processor, tokenizer and towers, on local files only.
import { Blob } from 'node:buffer';
import { readFileSync } from 'node:fs';
import {
  AutoTokenizer,
  CLIPImageProcessor,
  CLIPVisionModelWithProjection,
  RawImage,
  env,
} from '@huggingface/transformers';

env.allowRemoteModels = false;

export const versions = (version) => ({
  'transformers.js': version('@huggingface/transformers'),
  'onnxruntime-node': version('onnxruntime-node'),
  node: process.version,
});

const processorConfig = (size, mean, std) => ({
  do_resize: true,
  size: { shortest_edge: size },
  resample: 3,
  do_center_crop: true,
  crop_size: { height: size, width: size },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: mean,
  image_std: std,
  do_convert_rgb: true,
});

const read = (file) => RawImage.fromBlob(new Blob([readFileSync(file)]));

export const jobs = {
  preprocess({ files, size, mean, std }) {
    const processor = new CLIPImageProcessor(processorConfig(size, mean, std));
    const blobs = files.map((file) => new Blob([readFileSync(file)]));
    let pixels;
    return {
      settings: 'RawImage.fromBlob and CLIPImageProcessor, a batch',
      async run() {
        const images = [];
        for (const blob of blobs) images.push(await RawImage.fromBlob(blob));
        ({ pixel_values: pixels } = await processor(images));
      },
      output: () => ({ data: pixels.data, shape: pixels.dims }),
    };
  },
  async tokenize({ folder, texts, length }) {
    const tokenizer = await AutoTokenizer.from_pretrained(folder);
    let ids = [];
    return {
      settings: `AutoTokenizer, padding to ${length}, a batch`,
      run() {
        ids = tokenizer(texts, { padding: 'max_length', max_length: length, truncation: true }).input_ids;
      },
      output: () => ({ data: Int32Array.from(ids.data, Number), shape: ids.dims }),
    };
  },
  async embed({ folder, files, batch, threads }) {
    const processor = await import('@huggingface/transformers').then(({ AutoProcessor }) =>
      AutoProcessor.from_pretrained(folder),
    );
    const model = await CLIPVisionModelWithProjection.from_pretrained(folder, {
      dtype: 'fp32',
      device: 'cpu',
      session_options: { intraOpNumThreads: threads },
    });
    let rows = [];
    return {
      settings: `CLIPVisionModelWithProjection, batches of ${batch}, ${threads} thread(s)`,
      async run() {
        rows = [];
        for (let at = 0; at < files.length; at += batch) {
          const images = await Promise.all(files.slice(at, at + batch).map(read));
          const inputs = await processor(images);
          const { image_embeds: embeds } = await model(inputs);
          rows.push(...embeds.normalize(2, -1).tolist());
        }
      },
      output: () => ({ data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0].length] }),
      close: () => model.dispose(),
    };
  },
};
