import { basename, join } from 'node:path';
import { DiptychError } from '../errors.js';
import { planCaption, planMatch } from './heads.js';
import type { DescribeOptions, GraphDtype, GraphPlan, ModelDescription, TextPlan } from './card.js';
import { readConfigs, type Configs } from './configs.js';
import { checkModel } from './checks.js';
import {
  chooseVariant,
  commonDtypes,
  listFolder,
  type FolderListing,
  type GraphFile,
  type Role,
} from './folder.js';
import { outputDim, planGraph, inputRole, type Side } from './graph-plan.js';
import { locateModel, type Located } from './locate.js';
import { readOnnxHeader, type OnnxHeader } from './onnx/header.js';
import { settleScale } from './scale.js';
import { planSpec } from './spec-plan.js';
import { planText } from './text-plan.js';

/** A graph file with its header and what it serves. */
export interface OpenGraph {
  readonly file: GraphFile;
  readonly header: OnnxHeader;
}

/** The graphs of a folder that a dtype chose. */
export interface ChosenGraphs {
  readonly image: OpenGraph | null;
  readonly text: OpenGraph | null;
  readonly match: OpenGraph | null;
  readonly decoder: OpenGraph | null;
  readonly withPast: OpenGraph | null;
  readonly dtypes: readonly GraphDtype[];
}

/**
 * Reads a model folder (or a bundled, registered or cached model) and says how to run it.
 * Throws MODEL_NOT_FOUND, MODEL_INVALID (naming the file and the mend), MODEL_UNSUPPORTED, BAD_OPTION.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- the contract leaves room for reading off the loop
export async function describeModel(
  nameOrFolder: string,
  options: DescribeOptions = {},
): Promise<ModelDescription> {
  const located = locateModel(nameOrFolder, options.bundled);
  const listing = listFolder(located.folder);
  const layout = layoutOf(listing);
  const configs = readConfigs(listing, layout);
  const graphs = chooseGraphs(listing, options.dtype ?? 'auto');
  return describe(located, listing, layout, configs, graphs, options);
}

function describe(
  located: Located,
  listing: FolderListing,
  layout: string,
  configs: Configs,
  graphs: ChosenGraphs,
  options: DescribeOptions,
): ModelDescription {
  const warnings: string[] = [...configs.warnings];
  const { image, text, match, decoder, withPast } = graphs;
  const length = configs.contextLength ?? configs.family.contextLength ?? 77;
  const imagePlan = image === null ? null : plan(image, 'image', length);
  const textPlan = text === null ? null : plan(text, 'text', length);
  const spec = image === null ? null : planSpec(listing, layout, configs, image.header, warnings);
  const textRules =
    text === null || textPlan === null
      ? null
      : planText(
          {
            listing,
            layout,
            family: configs.family,
            config: configs.model,
            openClip: configs.openClip,
            header: text.header,
            graph: textPlan,
            cleaning: options.textCleaning ?? 'auto',
            contextLength: configs.contextLength,
          },
          warnings,
        );
  const embeds = imagePlan?.embeds === true || textPlan?.embeds === true;
  const combined = image !== null && image.header === text?.header ? image.header : null;
  const description: ModelDescription = {
    name: configs.name ?? located.name,
    family: configs.family.family,
    layout,
    folder: located.folder,
    embeddingDim: embeds ? (dimOf(image, imagePlan) ?? dimOf(text, textPlan) ?? configs.embeddingDim) : null,
    image: spec === null || imagePlan === null ? null : { spec, graph: imagePlan },
    text:
      textRules === null || textPlan === null
        ? null
        : { plan: fitPlan(textRules, textPlan), graph: textPlan },
    match: match === null ? null : planMatch(match, listing),
    caption:
      decoder === null
        ? null
        : planCaption(decoder, withPast === decoder ? null : withPast, listing, configs.model),
    scoring: configs.family.scoring,
    ...settleScale(located.card, options, configs, combined),
    activation: configs.family.activation,
    dtypes: graphs.dtypes,
    warnings,
  };
  checkModel(description, graphs, configs, warnings);
  return description;
}

/** CLIP's own mask is made only where the official code or the graph wants one. */
function fitPlan(rules: TextPlan, graph: GraphPlan): TextPlan {
  return { ...rules, mask: rules.mask || graph.inputs.mask !== undefined };
}

function plan(graph: OpenGraph, side: Side, length: number): GraphPlan {
  return planGraph(graph.header, side, graph.file.dtype, length);
}

function dimOf(graph: OpenGraph | null, planned: GraphPlan | null): number | null {
  return graph === null || planned?.embeds !== true ? null : outputDim(graph.header, planned.output);
}

/** What kind of folder this is, by the places of its graphs. */
function layoutOf(listing: FolderListing): string {
  const { graphs, files, folder } = listing;
  if (graphs.length === 0) throw noGraphs(listing);
  const has = (pattern: RegExp): boolean => graphs.some((graph) => pattern.test(graph.path));
  if (files.has('open_clip_config.json')) return 'open_clip';
  if (has(/^(visual|textual)\/model/)) return 'immich';
  if (has(/\.(img|txt)\.(fp32|fp16)\.onnx$/)) return 'chinese-clip';
  if (has(/^text_encoder\/model/) && !has(/vision|visual|image/)) return 'diffusers';
  if (has(/^onnx\//)) return has(/(vision|text)_model/) ? 'transformers.js' : 'transformers.js-combined';
  if (basename(folder) === 'onnx') return 'transformers.js';
  return has(/vision|visual|image|text/) ? 'towers' : 'single';
}

function noGraphs({ folder, files }: FolderListing): DiptychError {
  const weights = [...files].find((file) => /\.(safetensors|bin|pt|gguf)$/.test(file));
  return new DiptychError(
    'MODEL_INVALID',
    weights === undefined
      ? 'the folder holds no .onnx file (looked three levels deep); is it the right one?'
      : `the folder holds ${weights} but no .onnx file; export it first (see docs/models.md)`,
    { input: folder },
  );
}

/** Groups the variants of each graph and takes the wanted one. Throws BAD_OPTION listing the dtypes there are. */
function chooseGraphs(listing: FolderListing, dtype: GraphDtype | 'auto'): ChosenGraphs {
  const headers = new Map<string, OnnxHeader>();
  const open = (file: GraphFile): OpenGraph => {
    const path = join(listing.folder, file.path);
    const header = headers.get(path) ?? readOnnxHeader(path);
    headers.set(path, header);
    return { file, header };
  };
  const groups = groupByRole(listing, open);
  const main = (groups.vision.length > 0 ? [groups.vision] : []).concat(
    groups.text.length > 0 ? [groups.text] : [],
  );
  const towers = main.length > 0 ? main : groups.combined.length > 0 ? [groups.combined] : [];
  const dtypes = commonDtypes(towers);
  const pick = (group: readonly GraphFile[]): OpenGraph | null => {
    if (group.length === 0) return null;
    const chosen = chooseVariant(group, dtype);
    if (chosen !== undefined) return open(chosen);
    throw new DiptychError(
      'BAD_OPTION',
      `${listing.folder} has no ${dtype} variant of ${group[0]?.base ?? 'its graph'}; there is ${group.map((graph) => graph.dtype).join(', ')}`,
      { input: '--dtype' },
    );
  };
  // A head that lacks the dtype is run in what there is.
  const pickHead = (group: readonly GraphFile[]): OpenGraph | null => {
    const chosen = chooseVariant(group, dtype) ?? chooseVariant(group, 'auto');
    return chosen === undefined ? null : open(chosen);
  };
  const heads = {
    match: pickHead(groups.match),
    decoder: pickHead(groups.decoder),
    withPast: pickHead(groups.withPast),
  };
  if (main.length > 0) return { image: pick(groups.vision), text: pick(groups.text), ...heads, dtypes };
  const combined = pick(groups.combined);
  const slots = new Set(combined?.header.inputs.map(inputRole));
  const image = slots.has('pixels') ? combined : null;
  const text = slots.has('ids') ? combined : null;
  if (image === null && text === null) {
    const inputs = combined?.header.inputs.map((input) => input.name).join(', ') ?? 'none';
    throw new DiptychError('MODEL_UNSUPPORTED', `takes neither pictures nor token ids (inputs: ${inputs})`, {
      input: combined?.header.file ?? listing.folder,
    });
  }
  return { image, text, ...heads, dtypes };
}

type Groups = Readonly<
  Record<'vision' | 'text' | 'combined' | 'match' | 'decoder' | 'withPast', readonly GraphFile[]>
>;

/** Files of a role, one base only: "onnx/" before other places, then by name. */
function groupByRole(listing: FolderListing, open: (file: GraphFile) => OpenGraph): Groups {
  const known = listing.graphs.map((graph) => ({
    ...graph,
    role: graph.role ?? roleByInputs(open(graph).header),
  }));
  const of = (...roles: Role[]): GraphFile[] => {
    for (const role of roles) {
      const all = known.filter((graph) => graph.role === role);
      const bases = [...new Set(all.map((graph) => graph.base))].sort(
        (a, b) => Number(b.startsWith('onnx/')) - Number(a.startsWith('onnx/')) || a.length - b.length,
      );
      if (all.length > 0) return all.filter((graph) => graph.base === bases[0]);
    }
    return [];
  };
  return {
    vision: of('vision'),
    text: of('text'),
    combined: of('combined'),
    match: of('match'),
    decoder: of('merged-decoder', 'decoder', 'decoder-with-past'),
    // A merged decoder has the cached steps inside.
    withPast: of('merged-decoder').length > 0 ? [] : of('decoder-with-past'),
  };
}

function roleByInputs(header: OnnxHeader): Role {
  const slots = new Set(header.inputs.map(inputRole));
  if (slots.has('encoderStates'))
    return header.outputs.some((o) => o.name === 'logits') ? 'decoder' : 'match';
  if (slots.has('pixels')) return slots.has('ids') ? 'combined' : 'vision';
  return slots.has('ids') ? 'text' : 'combined';
}
