import type { Model } from '../../engine.js';
import { geluKind } from '../../models/onnx/inspect.js';
import { readOnnxHeader } from '../../models/onnx/header.js';
import type { Embeddings } from '../../pipeline/collect.js';
import { loadTokenizer } from '../../text/tokenizer.js';
import { normalizeRows } from '../../pipeline/rows.js';
import { closestPair, maxDifference, minCosine, rankingAgreement } from './compare.js';
import { LONG_TEXT, testImages, TEXTS } from './inputs.js';
import { withModel, type CheckRow, type CheckState, type Subject } from './types.js';

/** Largest difference that batches and order may make. */
const BATCH_TOLERANCE = 1e-5;
/** Cosine to fp32 that a dtype must reach: float16 rounds, int8 changes the numbers visibly. */
const DTYPE_COSINE: Readonly<Record<string, number>> = { fp16: 0.999 };
const ROUGH_COSINE = 0.95;
const TOP = 10;

const row = (check: string, state: CheckState, detail: string): CheckRow => ({ check, state, detail });
const pass = (good: boolean, bad: CheckState = 'fail'): CheckState => (good ? 'ok' : bad);
const small = (value: number): string => value.toExponential(1);

/** What the folder says of itself, and where it contradicts itself. */
export function describeChecks({ description }: Subject): CheckRow[] {
  const { image, text, warnings, dtypes, logitScale, logitScaleSource, layout } = description;
  const rows = [row('layout', 'ok', `${layout}; dtypes: ${dtypes.join(', ')}`)];
  if (image !== null) {
    const { spec } = image;
    const size = typeof spec.size === 'number' ? String(spec.size) : spec.size.join(' x ');
    const to = spec.resizeTo === undefined ? '' : `, resize to ${String(spec.resizeTo)}`;
    rows.push(
      row(
        'preprocessing',
        'ok',
        `${size} px, ${spec.resizeMode}${to}, ${spec.interpolation}, crop ${spec.centerCrop ? spec.cropRounding : 'none'}, ` +
          `RGB ${spec.rgb} the resize, transparency ${spec.transparency}, mean ${spec.mean.map((value) => value.toFixed(3)).join('/')}, ` +
          `std ${spec.std.map((value) => value.toFixed(3)).join('/')}`,
      ),
    );
  }
  const graphs = [...new Set([image?.graph.file, text?.graph.file])].flatMap((file) => file ?? []);
  for (const file of graphs) {
    const found = geluKind(readOnnxHeader(file));
    const name = file.slice(description.folder.length + 1);
    rows.push(
      row(
        'activation',
        found === null ? 'skip' : 'ok',
        `${name}: ${found ?? 'none of the GELU family found'}`,
      ),
    );
  }
  if (image !== null && text !== null) {
    rows.push(
      logitScale === null
        ? row('logit scale', 'warn', 'not told by folder or registry: give --logit-scale for probabilities')
        : row(
            'logit scale',
            'ok',
            `${String(Number(logitScale.toPrecision(7)))} (${logitScaleSource ?? ''})`,
          ),
    );
  }
  for (const warning of warnings) rows.push(row('contradiction', 'warn', warning));
  return rows;
}

function embeddingRow(what: string, made: Embeddings, inputs: number): CheckRow {
  if (made.failures.length > 0) {
    return row(
      what,
      'fail',
      `${String(made.failures.length)} of ${String(inputs)} fail: ${made.failures[0]?.message ?? ''}`,
    );
  }
  const closest = closestPair(made.data, made.dim * made.vectors);
  const detail = `${String(made.rows)} rows of ${String(made.dim)} numbers; closest pair of different inputs: cosine ${closest.toFixed(5)}`;
  return row(what, pass(closest < 0.99999), detail);
}

function norms({ data, dim }: Embeddings): readonly [least: number, most: number] {
  let [least, most] = [Infinity, 0];
  for (let at = 0; at < data.length; at += dim) {
    const norm = Math.hypot(...data.subarray(at, at + dim));
    [least, most] = [Math.min(least, norm), Math.max(most, norm)];
  }
  return [least, most];
}

/** The same rows at unit length. */
function unit(made: Embeddings): Embeddings {
  const data = Float32Array.from(made.data);
  normalizeRows(data, made.dim);
  return { ...made, data };
}

/** One tower: runs it in several ways on the built-in inputs. */
async function towerChecks(
  subject: Subject,
  what: 'images' | 'texts',
  normalized: boolean,
  embed: (model: Model, order: 'given' | 'reversed') => Promise<Embeddings>,
  inputs: number,
): Promise<CheckRow[]> {
  const [raw, reversed] = await withModel(subject, { normalize: false }, async (model) => [
    await embed(model, 'given'),
    unit(await embed(model, 'reversed')),
  ]);
  const given = unit(raw);
  const rows = [embeddingRow(what, given, inputs)];
  if (given.rows !== inputs) return rows;
  const single = await withModel(subject, { batchSize: 1 }, (model) => embed(model, 'given'));
  const stride = given.dim * given.vectors;
  const back = Float32Array.from(reversed.data, (_, at) => {
    const mirrored = inputs - 1 - Math.floor(at / stride);
    return reversed.data[mirrored * stride + (at % stride)] ?? NaN;
  });
  const batch = Math.max(maxDifference(given.data, single.data), maxDifference(given.data, back));
  rows.push(
    row(`${what}: batch and order`, pass(batch <= BATCH_TOLERANCE), `largest difference ${small(batch)}`),
  );
  const [least, most] = norms(raw);
  const isUnit = Math.abs(least - 1) < 1e-3 && Math.abs(most - 1) < 1e-3;
  const range = `the graph's norms are ${least.toFixed(4)} to ${most.toFixed(4)}`;
  rows.push(
    row(
      `${what}: norms`,
      pass(Number.isFinite(most) && most > 0 && (!normalized || isUnit)),
      normalized ? `${range}, and it is said to normalise` : range,
    ),
  );
  return [...rows, ...(await dtypeChecks(subject, what, given, embed))];
}

async function dtypeChecks(
  subject: Subject,
  what: string,
  base: Embeddings,
  embed: (model: Model, order: 'given') => Promise<Embeddings>,
): Promise<CheckRow[]> {
  const { dtypes } = subject.description;
  if (!dtypes.includes('fp32')) return [row(`${what}: dtypes`, 'skip', 'there is no fp32 to compare with')];
  const rows: CheckRow[] = [];
  for (const dtype of dtypes) {
    if (dtype === 'fp32') continue;
    const other = await withModel(subject, { dtype }, (model) => embed(model, 'given'));
    const dim = base.dim * base.vectors;
    const cosine = minCosine(base.data, other.data, dim);
    const wanted = DTYPE_COSINE[dtype] ?? ROUGH_COSINE;
    const agreement = rankingAgreement(base.data, other.data, dim, TOP);
    rows.push(
      row(
        `${what}: ${dtype} against fp32`,
        pass(cosine >= wanted, cosine > 0.5 ? 'warn' : 'fail'),
        `smallest cosine ${cosine.toFixed(5)} (at least ${String(wanted)}); ${(100 * agreement).toFixed(1)} % of the ${String(TOP)} nearest agree`,
      ),
    );
  }
  return rows;
}

export async function imageChecks(subject: Subject): Promise<CheckRow[]> {
  const { image } = subject.description;
  if (image?.graph.embeds !== true) return [];
  const images = testImages().map(({ bytes }) => bytes);
  return towerChecks(
    subject,
    'images',
    image.graph.normalized,
    (model, order) => model.embedImages(order === 'given' ? images : [...images].reverse()),
    images.length,
  );
}

export async function textChecks(subject: Subject): Promise<CheckRow[]> {
  const { text } = subject.description;
  if (text === null) return [];
  const rows = await withModel(subject, {}, (model) => tokenChecks(subject, model));
  if (!text.graph.embeds) return rows;
  // White space and case may make two of the texts one: only clearly different ones are told apart.
  const distinct = TEXTS.filter((sentence) => /^[\x20-\x7e]+$/.test(sentence));
  const tower = await towerChecks(
    subject,
    'texts',
    text.graph.normalized,
    (model, order) => model.embedTexts(order === 'given' ? distinct : [...distinct].reverse()),
    distinct.length,
  );
  return [...rows, ...tower];
}

async function tokenChecks({ description }: Subject, model: Model): Promise<CheckRow[]> {
  const plan = description.text?.plan;
  if (plan === undefined) return [];
  const tokens = await model.tokenize([...TEXTS, LONG_TEXT]);
  const largest = tokens.reduce((most, { ids }) => Math.max(most, ...ids), 0);
  const long = tokens[tokens.length - 1];
  const short = tokens[0];
  const rows = [
    row(
      'token ids',
      pass(plan.vocabularySize === null || largest < plan.vocabularySize),
      `${plan.kind}, cleaning ${plan.cleaning}; largest id ${String(largest)}` +
        (plan.vocabularySize === null ? '' : ` of ${String(plan.vocabularySize)}`),
    ),
  ];
  const { foreign } = await loadTokenizer(description);
  if (foreign !== null) {
    rows.push(
      row('tokenizer', 'warn', `read by @huggingface/tokenizers, whose ids are unchecked: ${foreign}`),
    );
  }
  if (long !== undefined && short !== undefined) {
    const ends = long.ids[long.length - 1] === short.ids[short.length - 1];
    const fits = long.ids.length <= plan.contextLength && long.truncated;
    rows.push(
      row(
        'truncation',
        pass(fits && ends, fits ? 'warn' : 'fail'),
        `a long text becomes ${String(long.ids.length)} of ${String(plan.contextLength)} tokens, ` +
          (ends ? 'the end token kept' : 'its last token is not the end token'),
      ),
    );
  }
  const unknown = tokens.filter(({ text, ids }) => text.trim() !== '' && new Set(ids).size <= 2);
  rows.push(
    row(
      'padding',
      'ok',
      `id ${String(plan.padId)} to the ${plan.padTo === 'context' ? 'context length' : 'longest of the batch'}, ` +
        (plan.mask ? 'with a mask' : 'no mask'),
    ),
  );
  if (unknown.length > 0) {
    rows.push(
      row(
        'vocabulary',
        'warn',
        `${String(unknown.length)} built-in texts have no tokens beside the special ones`,
      ),
    );
  }
  return rows;
}
