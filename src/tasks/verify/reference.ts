import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DiptychError } from '../../errors.js';
import { CLIP_SPEC, type PreprocessSpec } from '../../image/spec.js';
import { asList, asString, readJson, type Json } from '../../models/json.js';
import { readNpy } from '../../output/npy.js';
import { withOtherActivation } from './activation.js';
import { maxDifference } from './compare.js';
import { withModel, type CheckRow, type Subject, type Variation } from './types.js';

/**
 * Numbers of the official code to compare with: a JSON file with `images` (file names, looked up beside the file or in
 * `folder`) and `texts`, optionally `token_ids`; and beside it, or in reference/, image_embeds.npy and text_embeds.npy
 * ([n, dim], unit length), optionally pixel_values.npy.
 */
export interface Reference {
  readonly images: readonly string[];
  readonly texts: readonly string[];
  readonly tokenIds: readonly (readonly number[])[] | null;
  readonly imageEmbeds: Float32Array | null;
  readonly textEmbeds: Float32Array | null;
}

/** Difference up to which embeddings count as the same. */
const SAME = 1e-3;

export async function readReference(file: string, images: string | null): Promise<Reference> {
  const json: Json = readJson(file);
  const folder = dirname(resolve(file));
  const array = async (name: string): Promise<Float32Array | null> => {
    const path = [join(folder, 'reference', name), join(folder, name)].find((candidate) =>
      existsSync(candidate),
    );
    return path === undefined ? null : (await readNpy(path)).data;
  };
  const strings = (key: string): string[] => asList(json[key]).flatMap((value) => asString(value) ?? []);
  const ids = asList(json['token_ids']).map((list) =>
    asList(list).flatMap((id) => (typeof id === 'number' ? [id] : [])),
  );
  const reference = {
    images: strings('images').map((name) => resolve(images ?? folder, name)),
    texts: strings('texts'),
    tokenIds: ids.length > 0 ? ids : null,
    imageEmbeds: await array('image_embeds.npy'),
    textEmbeds: await array('text_embeds.npy'),
  };
  if (reference.imageEmbeds === null && reference.textEmbeds === null && reference.tokenIds === null) {
    throw new DiptychError(
      'BAD_INPUT',
      'has neither image_embeds.npy, text_embeds.npy nor token_ids to compare with',
      {
        input: file,
      },
    );
  }
  const missing = reference.images.find((path) => !existsSync(path));
  if (missing !== undefined && reference.imageEmbeds !== null) {
    throw new DiptychError(
      'INPUT_NOT_FOUND',
      'the reference is of this picture; give its folder with --images',
      {
        input: missing,
      },
    );
  }
  return reference;
}

/** Means and deviations that are mistaken for each other. */
const NORMALISATIONS = [
  ["OpenAI's mean and deviation", CLIP_SPEC.mean, CLIP_SPEC.std],
  ["ImageNet's mean and deviation", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
  ['a mean and deviation of 0.5', [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]],
] as const;

/** Mistakes in preprocessing that are common elsewhere, by what they are called. */
function suspects(spec: PreprocessSpec): [name: string, spec: Partial<PreprocessSpec>][] {
  const other = <T>(key: string, values: readonly T[], own: T, make: (value: T) => Partial<PreprocessSpec>) =>
    values
      .filter((value) => value !== own)
      .map((value): [string, Partial<PreprocessSpec>] => [
        `${key} ${String(value)} (here ${String(own)})`,
        make(value),
      ]);
  const square = { resizeMode: 'squash', centerCrop: false } as const;
  return [
    ...other('crop rounding', ['floor', 'half-even'] as const, spec.cropRounding, (cropRounding) => ({
      cropRounding,
    })),
    ...other('RGB conversion', ['before', 'after'] as const, spec.rgb, (rgb) => ({
      rgb,
      transparency: rgb === 'after' ? 'keep' : 'white',
    })),
    ...(spec.rgb === 'after'
      ? []
      : other('transparency', ['keep', 'white', 'blend'] as const, spec.transparency, (transparency) => ({
          transparency,
        }))),
    ...other('EXIF orientation applied:', [true, false], spec.orient, (orient) => ({ orient })),
    ...other(
      'interpolation',
      ['bicubic', 'bilinear', 'lanczos', 'nearest'] as const,
      spec.interpolation,
      (interpolation) => ({
        interpolation,
      }),
    ),
    ...other('resize', ['shortest', 'squash', 'longest'] as const, spec.resizeMode, (resizeMode) =>
      resizeMode === 'squash' ? square : { resizeMode, centerCrop: resizeMode === 'shortest' },
    ),
    ...NORMALISATIONS.filter(([, mean]) => String(mean) !== String(spec.mean)).map(
      ([name, mean, std]): [string, Partial<PreprocessSpec>] => [name, { mean, std }],
    ),
  ];
}

async function explainImages(
  subject: Subject,
  reference: Reference,
  expected: Float32Array,
): Promise<string> {
  const spec = subject.description.image?.spec;
  if (spec === undefined) return '';
  const distance = async (change: Variation): Promise<number> =>
    withModel(subject, change, async (model) =>
      maxDifference((await model.embedImages(reference.images)).data, expected),
    );
  for (const [name, change] of suspects(spec)) {
    if ((await distance({ spec: change })) <= SAME) return `culprit: the reference was made with ${name}`;
  }
  const activation = await explainActivation(subject, 'image', (file) =>
    distance({ graphs: { image: file } }),
  );
  if (activation !== null) return activation;
  return 'no single change of the preprocessing or the activation explains it: other weights, or several at once';
}

/** Whether the other activation makes a tower's numbers the reference's. */
async function explainActivation(
  { description }: Subject,
  side: 'image' | 'text',
  distance: (file: string) => Promise<number>,
): Promise<string | null> {
  const found = await withOtherActivation(description, side, async (file, { here, there }) =>
    (await distance(file)) <= SAME
      ? `culprit: the activation; the reference was made with ${there}, and the graph computes ${here}`
      : null,
  );
  if (found !== null) return found;
  const warning = description.warnings.find((one) => /quick_gelu|gelu/.test(one));
  return warning === undefined ? null : `culprit, likely: the activation; ${warning}`;
}

async function explainTexts(
  subject: Subject,
  { texts, tokenIds }: Reference,
  expected: Float32Array,
): Promise<string> {
  const activation = await explainActivation(subject, 'text', (file) =>
    withModel(subject, { graphs: { text: file } }, async (model) =>
      maxDifference((await model.embedTexts(texts)).data, expected),
    ),
  );
  if (activation !== null) return activation;
  return tokenIds === null
    ? 'other token ids (the reference has none), other weights or another attention mask'
    : 'the token ids are equal: other weights or another attention mask';
}

/** Ids without what ends them: padding of either side, and an end token that serves as padding. */
function core(ids: readonly number[], endings: ReadonlySet<number>): string {
  let end = ids.length;
  while (end > 0 && endings.has(ids[end - 1] ?? -1)) end--;
  return ids.slice(0, end).join(',');
}

/** Cleanings to try, and what a match with them means. */
const CLEANINGS = [
  ['none', 'its texts were not mended first (ftfy and HTML unescape missing there)'],
  ['openai', 'its texts were mended by ftfy as openai/CLIP does (missing here)'],
  ['open_clip', 'its texts were mended by ftfy as open_clip does (missing here)'],
  ['canonicalize', 'its texts were canonicalised as open_clip does for SigLIP'],
] as const;

async function compareTokens(subject: Subject, { texts, tokenIds }: Reference): Promise<CheckRow | null> {
  const plan = subject.description.text?.plan;
  if (tokenIds === null || plan === undefined) return null;
  const idsWith = async (change: Variation): Promise<{ ids: (readonly number[])[]; padId: number }> =>
    withModel(subject, change, async (model) => ({
      ids: (await model.tokenize(texts)).map(({ ids }) => ids),
      padId: model.description.text?.plan.padId ?? 0,
    }));
  const found = await idsWith({});
  const wrong = tokenIds.flatMap((ids, at) => (ids.join() === found.ids[at]?.join() ? [] : [at]));
  if (wrong.length === 0) {
    return { check: 'reference: token ids', state: 'ok', detail: `${String(texts.length)} texts equal` };
  }
  const [first = 0] = wrong;
  const theirPads = tokenIds.flatMap((ids) => ids.slice(-1));
  const sameBut = ({ ids, padId }: typeof found): boolean => {
    const endings = new Set([...theirPads, padId]);
    return tokenIds.every((wanted, at) => core(wanted, endings) === core(ids[at] ?? [], endings));
  };
  const cause = async (): Promise<string> => {
    if (sameBut(found)) {
      const there = `${String(theirPads[first])} to ${String(tokenIds[first]?.length ?? 0)} tokens`;
      return `culprit: padding (there with ${there}, here with ${String(found.padId)} to ${String(found.ids[first]?.length ?? 0)})`;
    }
    for (const [cleaning, meaning] of CLEANINGS) {
      if (cleaning === plan.cleaning) continue;
      const other = await idsWith({ textCleaning: cleaning }).catch(() => null);
      if (other !== null && sameBut(other)) return `culprit: ${meaning}`;
    }
    return 'another vocabulary or another rule; compare with diptych tokenize';
  };
  const begin = `${String(wrong.length)} of ${String(texts.length)} texts differ, first ${JSON.stringify(texts[first])}`;
  return { check: 'reference: token ids', state: 'fail', detail: `${begin}; ${await cause()}` };
}

/** Compares with the reference and, where it differs, looks for the one change that explains it. */
export async function referenceChecks(subject: Subject, reference: Reference): Promise<CheckRow[]> {
  const rows: CheckRow[] = [];
  const { description } = subject;
  if (reference.imageEmbeds !== null && description.image?.graph.embeds === true) {
    const expected = reference.imageEmbeds;
    const { data, failures } = await withModel(subject, {}, (model) => model.embedImages(reference.images));
    const worst = maxDifference(data, expected);
    const broken =
      failures.length === 0
        ? ''
        : `; ${String(failures.length)} pictures fail: ${failures[0]?.message ?? ''}`;
    const why = worst <= SAME ? '' : `; ${await explainImages(subject, reference, expected)}`;
    rows.push({
      check: 'reference: images',
      state: worst <= SAME ? 'ok' : 'fail',
      detail: `${String(reference.images.length)} pictures, largest difference ${worst.toExponential(1)}${broken}${why}`,
    });
  }
  const tokens = await compareTokens(subject, reference);
  if (tokens !== null) rows.push(tokens);
  if (reference.textEmbeds !== null && description.text?.graph.embeds === true) {
    const { data } = await withModel(subject, {}, (model) => model.embedTexts(reference.texts));
    const worst = maxDifference(data, reference.textEmbeds);
    const blame =
      worst <= SAME
        ? ''
        : tokens?.state === 'fail'
          ? '; see the token ids'
          : `; ${await explainTexts(subject, reference, reference.textEmbeds)}`;
    rows.push({
      check: 'reference: texts',
      state: worst <= SAME ? 'ok' : 'fail',
      detail: `${String(reference.texts.length)} texts, largest difference ${worst.toExponential(1)}${blame}`,
    });
  }
  return rows;
}
