import type { Dtype } from './card.js';

/** Towers apart in onnx/, both in one onnx/model.onnx, or immich's visual/ and textual/. */
export type HubLayout = 'transformers.js' | 'combined' | 'immich';

/** Suffixes of ONNX file names per dtype, best first, as Optimum and Transformers.js write them. */
const SUFFIXES: Readonly<Record<Dtype, readonly string[]>> = {
  fp32: [''],
  fp16: ['_fp16'],
  int8: ['_quantized', '_int8', '_uint8'],
};

/** Small files without which no model can be opened, wherever they lie. */
const CONFIG =
  /^(?:(?:visual|textual|tokenizer|onnx)\/)?(config|open_clip_config|preprocessor_config|processor_config|preprocess_cfg|tokenizer|tokenizer_config|special_tokens_map|vocab|added_tokens|generation_config|diptych_card|quantize_config)\.json$|^(?:(?:textual|tokenizer)\/)?(vocab\.txt|merges\.txt|spiece\.model|sentencepiece\.bpe\.model|tokenizer\.model)$/;

const GRAPHS = [
  'vision_model',
  'text_model',
  'itm_model',
  'text_decoder_model',
  'text_decoder_with_past_model',
  'model',
] as const;

function graphFile(files: ReadonlySet<string>, base: string, dtype: Dtype): string | undefined {
  return SUFFIXES[dtype].map((suffix) => `${base}${suffix}.onnx`).find((file) => files.has(file));
}

/** The files that hold a graph's weights apart from it (`x.onnx_data`, `x.onnx.data`, numbered ones). */
function externalData(files: readonly string[], graph: string): string[] {
  return files.filter(
    (file) =>
      file.startsWith(graph) && /^(_data(_\d+)?|\.data|\.data(_\d+)?)$/.test(file.slice(graph.length)),
  );
}

/**
 * Of the files of a repository, those needed to run it at `dtype`: configs, tokenizer, the towers (or the combined
 * graph where there are no towers apart), heads, and external data. A head or tower that lacks the dtype is taken
 * in fp32. Empty where the repository has no graph at that dtype at all.
 */
export function neededFiles(all: readonly string[], dtype: Dtype): string[] {
  const files = new Set(all);
  const configs = all.filter((file) => CONFIG.test(file));
  for (const folder of ['onnx/', '']) {
    const towers = (['vision_model', 'text_model'] as const).filter(
      (name) => graphFile(files, folder + name, dtype) !== undefined,
    );
    const names =
      towers.length > 0
        ? GRAPHS.filter((name) => name !== 'model')
        : graphFile(files, `${folder}model`, dtype) === undefined
          ? []
          : (['model'] as const);
    const graphs = names.flatMap((name) => {
      const base = folder + name;
      return graphFile(files, base, dtype) ?? graphFile(files, base, 'fp32') ?? [];
    });
    if (graphs.length > 0)
      return [...configs, ...graphs, ...graphs.flatMap((graph) => externalData(all, graph))];
  }
  const immich = ['visual/model', 'textual/model'].flatMap((base) => graphFile(files, base, dtype) ?? []);
  if (immich.length > 0)
    return [...configs, ...immich, ...immich.flatMap((graph) => externalData(all, graph))];
  return [];
}

/** The files that a repository of a layout has, as the registry tells them before anything is asked of the hub. */
export function filesFor(layout: HubLayout, dtype: Dtype): string[] {
  if (layout === 'immich') {
    return [
      'config.json',
      'visual/preprocess_cfg.json',
      'textual/tokenizer.json',
      'textual/tokenizer_config.json',
      ...(dtype === 'fp32' ? ['visual/model.onnx', 'textual/model.onnx'] : []),
    ];
  }
  const suffix = SUFFIXES[dtype][0] ?? '';
  return [
    'config.json',
    'preprocessor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    ...(layout === 'combined'
      ? [`onnx/model${suffix}.onnx`]
      : [`onnx/vision_model${suffix}.onnx`, `onnx/text_model${suffix}.onnx`]),
  ];
}
