import { readdirSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { DiptychError } from '../errors.js';
import type { GraphDtype } from './card.js';

/** What a graph of a folder is for, as its name tells. */
export type Role =
  'vision' | 'text' | 'combined' | 'match' | 'decoder' | 'decoder-with-past' | 'merged-decoder';

export interface GraphFile {
  /** Path relative to the folder, with forward slashes. */
  readonly path: string;
  readonly role: Role | null;
  readonly dtype: GraphDtype;
  /** The name without the variant's suffix: variants of one graph share it. */
  readonly base: string;
}

/** The files of a model folder, three levels deep. */
export interface FolderListing {
  readonly folder: string;
  readonly files: ReadonlySet<string>;
  readonly graphs: readonly GraphFile[];
}

const DEPTH = 3;
const SKIPPED = new Set(['node_modules', 'reference', '__pycache__']);

/** Suffixes of Optimum, Transformers.js, sentence-transformers and Chinese-CLIP's exporter. */
const VARIANTS: readonly (readonly [RegExp, GraphDtype])[] = [
  [/[._-](fp16|float16|half)$/i, 'fp16'],
  [/[._-](quantized|int8|qint8(_\w+)?|q8)$/i, 'int8'],
  [/[._-](uint8|quint8(_\w+)?)$/i, 'uint8'],
  [/[._-]q4f16$/i, 'q4f16'],
  [/[._-]q4$/i, 'q4'],
  [/[._-]bnb4$/i, 'bnb4'],
  [/[._-](fp32|float32)$/i, 'fp32'],
];

/** Names of graphs, matched against "folder/name" in lower case. */
const ROLES: readonly (readonly [RegExp, Role])[] = [
  [/(^|\/)itm_model$/, 'match'],
  [/(^|\/)(text_)?decoder(_model)?_merged$/, 'merged-decoder'],
  [/(^|\/)(text_)?decoder_with_past(_model)?$/, 'decoder-with-past'],
  [/(^|\/)(text_)?decoder(_model)?$/, 'decoder'],
  [/(^|\/)(vision|visual|image)(_model|_encoder|_tower)?$/, 'vision'],
  [/(^|\/)(visual|vision|image_encoder|vision_model|vision_encoder)\/model(_optimized)?$/, 'vision'],
  [/(^|\/)clip_(image|visual|vision)(_encoder)?$/, 'vision'],
  [/\.img$/, 'vision'],
  [/(^|\/)(text|textual)(_model|_encoder|_tower)?$/, 'text'],
  [/(^|\/)(textual|text|text_encoder|text_model)\/model(_optimized)?$/, 'text'],
  [/(^|\/)clip_(text|textual)(_encoder)?$/, 'text'],
  [/\.txt$/, 'text'],
  [/(^|\/)model(_optimized)?$/, 'combined'],
];

/** Lists a folder. Throws MODEL_NOT_FOUND when it cannot be read. */
export function listFolder(folder: string): FolderListing {
  const files = new Set<string>();
  const visit = (relative: string, depth: number): void => {
    for (const entry of entries(join(folder, relative))) {
      if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue;
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      // The hub's cache holds links to its blobs: all that is no folder counts as a file.
      if (!entry.isDirectory()) files.add(path);
      else if (depth > 1) visit(path, depth - 1);
    }
  };
  visit('', DEPTH);
  const graphs = [...files]
    .filter((path) => path.endsWith('.onnx'))
    .sort()
    .map(classify);
  return { folder, files, graphs };
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw new DiptychError('MODEL_NOT_FOUND', 'the folder does not exist or cannot be read; check the path', {
      input: folder,
      cause,
    });
  }
}

function classify(path: string): GraphFile {
  let base = path.slice(0, -'.onnx'.length);
  let dtype: GraphDtype = 'fp32';
  for (const [pattern, variant] of VARIANTS) {
    if (pattern.test(base)) {
      base = base.replace(pattern, '');
      dtype = variant;
      break;
    }
  }
  const lower = base.toLowerCase();
  const role = ROLES.find(([pattern]) => pattern.test(lower))?.[1] ?? null;
  return { path, role, dtype, base };
}

/** Best first for `auto`; `int8` and `q4` take what is nearest to them. */
const ORDER: readonly GraphDtype[] = ['fp32', 'fp16', 'int8', 'uint8', 'q4f16', 'q4', 'bnb4'];
const ACCEPTED: Readonly<Record<GraphDtype, readonly GraphDtype[]>> = {
  fp32: ['fp32'],
  fp16: ['fp16'],
  int8: ['int8', 'uint8'],
  uint8: ['uint8'],
  q4: ['q4', 'bnb4'],
  q4f16: ['q4f16'],
  bnb4: ['bnb4'],
};

/** The variant of a graph for a dtype, or undefined. */
export function chooseVariant(
  graphs: readonly GraphFile[],
  dtype: GraphDtype | 'auto',
): GraphFile | undefined {
  const wanted = dtype === 'auto' ? ORDER : ACCEPTED[dtype];
  for (const variant of wanted) {
    // "_quantized" and "_int8" may both be there: the first by name is Optimum's and Transformers.js's default.
    const found = graphs.filter((graph) => graph.dtype === variant);
    const best = found.find((graph) => /quantized/.test(graph.path)) ?? found[0];
    if (best !== undefined) return best;
  }
  return undefined;
}

/** The dtypes that every one of these graphs has. */
export function commonDtypes(groups: readonly (readonly GraphFile[])[]): GraphDtype[] {
  return ORDER.filter(
    (dtype) => groups.length > 0 && groups.every((group) => group.some((g) => g.dtype === dtype)),
  );
}
