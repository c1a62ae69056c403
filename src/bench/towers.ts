import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FLOAT, GraphBuilder, INT64, type GraphPrecision } from './onnx.js';

/** Towers with random weights: the arithmetic of the published ones, so that rates are theirs; no meaning. */
interface Transformer {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
}

const SPREAD = 0.02;

function norm(g: GraphBuilder, x: string, width: number): string {
  return g.node('LayerNormalization', [x, g.weights([width], 0.05, 1), g.weights([width], SPREAD)], {
    axis: 2,
    epsilon: { float: 1e-5 },
  });
}

function linear(g: GraphBuilder, x: string, from: number, to: number): string {
  return g.node('Add', [g.multiply(x, from, to, SPREAD), g.weights([to], SPREAD)]);
}

/** One pre-norm block as CLIP has it: attention (masked where `mask` is given), then an MLP with QuickGELU. */
function block(g: GraphBuilder, x: string, { width, heads }: Transformer, mask: string | null): string {
  const head = width / heads;
  const split = g.integers([0, 0, heads, head]);
  const normed = norm(g, x, width);
  const part = (perm: readonly number[]): string =>
    g.node('Transpose', [g.node('Reshape', [linear(g, normed, width, width), split])], { perm });
  const [q, k, v] = [part([0, 2, 1, 3]), part([0, 2, 3, 1]), part([0, 2, 1, 3])];
  const scale = g.floats([1], Float32Array.of(1 / Math.sqrt(head)));
  const scores = g.node('Mul', [g.node('MatMul', [q, k]), scale]);
  const masked = mask === null ? scores : g.node('Add', [scores, mask]);
  const mixed = g.node('MatMul', [g.node('Softmax', [masked], { axis: 3 }), v]);
  const joined = g.node('Reshape', [
    g.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
    g.integers([0, 0, width]),
  ]);
  const attended = g.node('Add', [x, linear(g, joined, width, width)]);
  const wide = linear(g, norm(g, attended, width), width, 4 * width);
  const gate = g.node('Sigmoid', [g.node('Mul', [wide, g.floats([1], Float32Array.of(1.702))])]);
  return g.node('Add', [attended, linear(g, g.node('Mul', [wide, gate]), 4 * width, width)]);
}

interface VisionShape extends Transformer {
  readonly image: number;
  readonly patch: number;
  readonly dim: number;
}

/** CLIP's vision transformer; the class token's embedding is the first row of the position embedding. */
function vision({ image, patch, dim, ...shape }: VisionShape, precision: GraphPrecision): GraphBuilder {
  const g = new GraphBuilder(32, precision);
  const { width } = shape;
  const patches = (image / patch) ** 2;
  const pixels = g.input('pixel_values', FLOAT, ['batch', 3, image, image]);
  const conv = g.node('Conv', [pixels, g.weights([width, 3, patch, patch], SPREAD)], {
    kernel_shape: [patch, patch],
    strides: [patch, patch],
  });
  const flat = g.node('Reshape', [conv, g.integers([0, width, patches])]);
  const tokens = g.node('Transpose', [flat], { perm: [0, 2, 1] });
  const padded = g.node('Pad', [tokens, g.integers([0, 1, 0, 0, 0, 0])]);
  let x = norm(g, g.node('Add', [padded, g.weights([1, patches + 1, width], 0.1)]), width);
  for (let layer = 0; layer < shape.layers; layer++) x = block(g, x, shape, null);
  const first = g.node('Slice', [x, g.integers([0]), g.integers([1]), g.integers([1])]);
  const pooled = g.node('Squeeze', [norm(g, first, width), g.integers([1])]);
  g.output('image_embeds', g.multiply(pooled, width, dim, SPREAD), ['batch', dim]);
  return g;
}

/** The least that a tower can do: one pixel of each 32 x 32 block, so that all the rest of the way is the work. */
function trivial(image: number): GraphBuilder {
  const g = new GraphBuilder(1);
  const pixels = g.input('pixel_values', FLOAT, ['batch', 3, image, image]);
  const picked = g.node('Slice', [
    pixels,
    g.integers([16, 16]),
    g.integers([image, image]),
    g.integers([2, 3]),
    g.integers([32, 32]),
  ]);
  g.output('image_embeds', g.node('Flatten', [picked], { axis: 1 }), ['batch', 3 * (image / 32) ** 2]);
  return g;
}

interface TextShape extends Transformer {
  readonly context: number;
  readonly vocabulary: number;
  readonly dim: number;
}

/** CLIP's causal text transformer with a free sequence axis, pooled at the largest id (the end token). */
function textTower({ context, vocabulary, dim, ...shape }: TextShape): GraphBuilder {
  const g = new GraphBuilder(77);
  const { width } = shape;
  const ids = g.input('input_ids', INT64, ['batch', 'sequence']);
  const length = g.node('Slice', [g.node('Shape', [ids]), g.integers([1]), g.integers([2])]);
  const embedded = g.node('Gather', [g.weights([vocabulary, width], SPREAD), ids]);
  const positions = g.node('Slice', [
    g.weights([context, width], SPREAD),
    g.integers([0]),
    length,
    g.integers([0]),
  ]);
  const mask = Float32Array.from({ length: context * context }, (_, i) =>
    i % context > Math.floor(i / context) ? -1e9 : 0,
  );
  const rows = g.node('Slice', [
    g.floats([context, context], mask),
    g.integers([0]),
    length,
    g.integers([0]),
  ]);
  const square = g.node('Slice', [rows, g.integers([0]), length, g.integers([1])]);
  let x = g.node('Add', [embedded, positions]);
  for (let layer = 0; layer < shape.layers; layer++) x = block(g, x, shape, square);
  const end = g.node('ArgMax', [ids], { axis: 1, keepdims: 1 });
  const pooled = g.node('GatherND', [norm(g, x, width), end], { batch_dims: 1 });
  g.output('text_embeds', g.node('MatMul', [pooled, g.weights([width, dim], SPREAD)]), ['batch', dim]);
  return g;
}

const VIT_B32: VisionShape = { image: 224, patch: 32, width: 768, layers: 12, heads: 12, dim: 512 };
const CLIP_TEXT: TextShape = { context: 77, vocabulary: 49_408, width: 512, layers: 12, heads: 8, dim: 512 };

/** Sizes for the smoke run: every operation, next to no work. */
const TINY_VISION: VisionShape = { ...VIT_B32, width: 64, layers: 1, heads: 2, dim: 32 };
const TINY_TEXT: TextShape = { ...CLIP_TEXT, vocabulary: 1000, width: 64, layers: 1, heads: 2, dim: 32 };

const PREPROCESSOR = {
  crop_size: { height: 224, width: 224 },
  do_center_crop: true,
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_processor_type: 'CLIPImageProcessor',
  image_std: [0.26862954, 0.26130258, 0.27577711],
  resample: 3,
  rescale_factor: 1 / 255,
  size: { shortest_edge: 224 },
};

/** A model folder (transformers.js' layout) with one vision tower. Its onnx file is `onnx/vision_model.onnx`. */
export async function visionFolder(
  folder: string,
  kind: 'vit-b32' | 'trivial',
  smoke: boolean,
): Promise<string> {
  const at = join(folder, kind);
  await mkdir(join(at, 'onnx'), { recursive: true });
  const shape = smoke ? TINY_VISION : VIT_B32;
  const graph = kind === 'trivial' ? trivial(224) : vision(shape, 'fp32');
  await graph.write(join(at, 'onnx', 'vision_model.onnx'));
  const dim = kind === 'trivial' ? 147 : shape.dim;
  const config = {
    architectures: ['CLIPVisionModelWithProjection'],
    model_type: 'clip_vision_model',
    projection_dim: dim,
    hidden_size: shape.width,
    image_size: 224,
    patch_size: 32,
  };
  await writeFile(join(at, 'config.json'), JSON.stringify(config));
  await writeFile(join(at, 'preprocessor_config.json'), JSON.stringify(PREPROCESSOR));
  return at;
}

/** CLIP's ViT-B/32 vision tower alone, in another precision. */
export async function visionTower(
  folder: string,
  precision: GraphPrecision,
  smoke: boolean,
): Promise<string> {
  const file = join(folder, `vit-b32-${precision}.onnx`);
  await vision(smoke ? TINY_VISION : VIT_B32, precision).write(file);
  return file;
}

export const visionFile = (folder: string): string => join(folder, 'onnx', 'vision_model.onnx');

export async function textFile(folder: string, smoke: boolean): Promise<string> {
  const file = join(folder, 'text_model.onnx');
  await textTower(smoke ? TINY_TEXT : CLIP_TEXT).write(file);
  return file;
}
