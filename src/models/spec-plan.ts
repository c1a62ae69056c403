import { join } from 'node:path';
import { DiptychError } from '../errors.js';
import type { PreprocessSpec } from '../image/spec.js';
import type { Configs } from './configs.js';
import type { FolderListing } from './folder.js';
import { pixelSize } from './graph-plan.js';
import { isObject, readJson, type Json } from './json.js';
import type { OnnxHeader } from './onnx/header.js';
import { chineseClipSpec, readHuggingFaceSpec, readOpenClipSpec, sizeOf } from './preprocess-config.js';

/** Where Hugging Face folders keep the rule, best first; the last nests it under `image_processor`. */
const FILES = [
  'preprocessor_config.json',
  'onnx/preprocessor_config.json',
  'image_processor/preprocessor_config.json',
];

/**
 * The image rule of a folder, checked against the graph's input.
 * Throws MODEL_INVALID where it is told nowhere or where its size is not the graph's.
 */
export function planSpec(
  listing: FolderListing,
  layout: string,
  configs: Configs,
  header: OnnxHeader,
  warnings: string[],
): PreprocessSpec {
  const graph = pixelSize(header);
  const { spec, file } = readSpec(listing, layout, configs, graph);
  const [height, width] = sizeOf(spec);
  if (graph !== null && (graph[0] !== height || graph[1] !== width)) {
    throw new DiptychError(
      'MODEL_INVALID',
      `says pictures of ${String(height)} x ${String(width)} pixels, but ${header.file} takes ${String(graph[0])} x ${String(graph[1])}: one of them belongs to another model`,
      { input: file },
    );
  }
  const told = configs.imageSize;
  if (told !== null && (told[0] !== height || told[1] !== width)) {
    warnings.push(
      `${configs.modelFile ?? 'config.json'} says an image size of ${String(told[0])} x ${String(told[1])}, ${file} and the graph ${String(height)} x ${String(width)}: using the latter`,
    );
  }
  return spec;
}

function readSpec(
  listing: FolderListing,
  layout: string,
  configs: Configs,
  graph: readonly [number, number] | null,
): { spec: PreprocessSpec; file: string } {
  const { openClipPreprocess, model, openClip } = configs;
  if (openClip && openClipPreprocess !== null) {
    const { config, file } = openClipPreprocess;
    const vision = model['vision_cfg'];
    const size = isObject(vision) ? vision['image_size'] : undefined;
    return { spec: readOpenClipSpec(config, file, size), file };
  }
  const own = huggingFaceConfig(listing);
  if (own !== null) return { spec: readHuggingFaceSpec(own.config, own.file), file: own.file };
  if (openClipPreprocess !== null) {
    const { config, file } = openClipPreprocess;
    return { spec: readOpenClipSpec(config, file, graph ?? undefined), file };
  }
  if (layout === 'chinese-clip' && graph !== null)
    return { spec: chineseClipSpec(graph), file: listing.folder };
  const wanted = openClip
    ? 'visual/preprocess_cfg.json or open_clip_config.json'
    : 'preprocessor_config.json';
  throw new DiptychError(
    'MODEL_INVALID',
    `the folder has an image graph but no ${wanted}, so how pictures are resized and normalised is not told; fetch that file`,
    { input: listing.folder },
  );
}

function huggingFaceConfig(listing: FolderListing): { config: Json; file: string } | null {
  const found = FILES.find((name) => listing.files.has(name));
  if (found !== undefined) {
    const file = join(listing.folder, found);
    return { config: readJson(file), file };
  }
  if (!listing.files.has('processor_config.json')) return null;
  const file = join(listing.folder, 'processor_config.json');
  const nested = readJson(file)['image_processor'];
  return isObject(nested) ? { config: nested, file } : null;
}
