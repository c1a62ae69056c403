import type { Command, OptionValues } from 'commander';
import type { Model } from '../engine.js';
import { DiptychError, throwIfAborted } from '../errors.js';
import type { NamedEmbeddings } from '../pipeline/embed-list.js';
import type { Failure } from '../pipeline/types.js';
import type { Features } from '../tasks/features.js';
import type { Context, Terminal } from './context.js';
import { readSet, writeNpy } from './embedded.js';
import {
  addImageFlags,
  addModelFlags,
  addOutputFlags,
  finiteNumber,
  modelOptions,
  wholeNumber,
} from './flags.js';
import { addUrlFlags, openItems } from './inputs.js';
import { runCommand, type ExitCode } from './run.js';
import { score, shorten, table } from './table.js';

async function open(context: Context): Promise<Model> {
  const { loadModel } = await import('../engine.js');
  return loadModel(
    context.flags.string('model') ?? undefined,
    modelOptions(context.flags, (message) => {
      context.warn(message);
    }),
  );
}

/** Prompts separated by | (they may hold commas), embedded; or an embedded set, when a file of that name is given. */
async function prompts(context: Context, model: Model, flag: string): Promise<Features> {
  const text = context.flags.string(flag) ?? '';
  if (/\.(npy|parquet)$/i.test(text)) return readSet(text, 'text');
  const list = text.split('|').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  if (list.length === 0)
    throw new DiptychError('BAD_OPTION', 'expected prompts separated by |', { input: `--${flag}` });
  const embedded = await model.embedTexts(list, { signal: context.signal });
  const [failed] = embedded.failures;
  if (failed !== undefined) throw new DiptychError(failed.code, failed.message, { input: failed.input });
  return embedded;
}

/** Shows that something is being read or embedded: `steps` of them. */
async function inSteps<T>(context: Context, steps: readonly (() => Promise<T>)[]): Promise<T[]> {
  const progress = context.progress('arithmetic');
  progress.total(steps.length);
  const results: T[] = [];
  for (const step of steps) {
    throwIfAborted(context.signal);
    results.push(await step());
    progress.update({ done: results.length });
  }
  context.endProgress();
  return results;
}

async function writeRows(context: Context, rows: Features, what: Record<string, unknown>): Promise<void> {
  const out = context.flags.string('out') ?? '';
  await writeNpy(out, '<f4', [rows.rows, rows.dim], Float32Array.from(rows.data));
  const result = { rows: rows.rows, dim: rows.dim, ...what };
  if (context.json) context.printJson(result);
  else context.print(`${String(rows.rows)} rows of ${String(rows.dim)} numbers in ${out}`);
}

async function directionOf(context: Context): Promise<ExitCode> {
  const { direction } = await import('../tasks/arithmetic.js');
  await using model = await open(context);
  const sides = await inSteps(
    context,
    ['from', 'to'].map((side) => () => prompts(context, model, side)),
  );
  const [from, to] = sides;
  if (from === undefined || to === undefined) return 1;
  await writeRows(context, direction(from, to), {});
  return 0;
}

async function move(context: Context, source: string): Promise<ExitCode> {
  const { moveAlong } = await import('../tasks/arithmetic.js');
  const files = [source, context.flags.string('along') ?? ''];
  const [rows, along] = await inSteps(
    context,
    files.map((file) => () => readSet(file)),
  );
  if (rows === undefined || along === undefined) return 1;
  const amount = context.flags.number('amount') ?? 1;
  await writeRows(context, moveAlong(rows, along, amount), { amount });
  return 0;
}

async function change(context: Context): Promise<ExitCode> {
  const { flags } = context;
  const { directionalSimilarity } = await import('../tasks/arithmetic.js');
  const [before, after, from, to] = await inSteps(
    context,
    ['imagesBefore', 'imagesAfter', 'textsBefore', 'textsAfter'].map(
      (name) => () => readSet(flags.string(name) ?? ''),
    ),
  );
  if (before === undefined || after === undefined || from === undefined || to === undefined) return 1;
  const scores = directionalSimilarity({ before, after }, { before: from, after: to });
  const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
  if (context.json) context.printJson({ mean, scores: [...scores] });
  else context.print(`mean directional similarity ${mean.toFixed(4)} of ${String(scores.length)} rows`);
  return 0;
}

async function rank(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const [{ embedItems, joinEmbeddings }] = await Promise.all([import('../pipeline/embed-list.js')]);
  await using model = await open(context);
  const texts = (flags.string('texts') ?? '')
    .split('|')
    .flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  if (texts.length === 0)
    throw new DiptychError('BAD_OPTION', 'expected texts separated by |', { input: '--texts' });
  const progress = context.progress('rank');
  async function* groups(): AsyncGenerator<NamedEmbeddings, void, undefined> {
    let [done, failed] = [0, 0];
    for await (const group of embedItems(
      model,
      openItems(context, inputs, 'image'),
      'image',
      context.signal,
    )) {
      done += group.rows + group.failures.length;
      failed += group.failures.length;
      progress.update({ done, failed });
      yield group;
    }
  }
  const images = await joinEmbeddings(groups());
  context.endProgress();
  if (images.rows === 0) return context.reportFailures(images.failures);
  const embedded = await model.embedTexts(texts, { signal: context.signal });
  const [failed] = embedded.failures;
  if (failed !== undefined) throw new DiptychError(failed.code, failed.message, { input: failed.input });
  // Several vectors an image (BLIP-2): the best of them counts.
  const logits = await model.logits(images, embedded);
  const ofImages = flags.boolean('ofImages');
  const [queries, candidates] = ofImages ? [images.names, texts] : [texts, images.names];
  const at = (query: number, candidate: number): number =>
    logits.data[ofImages ? query * logits.columns + candidate : candidate * logits.columns + query] ?? NaN;
  const top = flags.number('top') ?? candidates.length;
  const rankings = queries.map((query, row) => {
    const own = candidates.map((candidate, column) => ({ candidate, index: column, logit: at(row, column) }));
    const most = own.reduce((best, { logit }) => Math.max(best, logit), -Infinity);
    const sum = own.reduce((total, { logit }) => total + Math.exp(logit - most), 0);
    own.sort((a, b) => b.logit - a.logit);
    const ranked = own.map((one) => ({ ...one, probability: Math.exp(one.logit - most) / sum }));
    return { query, ranking: ranked.slice(0, top) };
  });
  if (context.json) context.printJson(rankings);
  else {
    const rows = rankings.flatMap(({ query, ranking }) =>
      ranking.map(({ candidate, logit, probability }, place) => [
        place === 0 ? shorten(query, 40) : '',
        shorten(candidate, 48),
        `${(probability * 100).toFixed(1)}%`,
        score(logit),
      ]),
    );
    context.print(table(['query', 'candidate', 'share', 'logit'], rows));
  }
  return context.reportFailures(images.failures);
}

async function crops(context: Context, inputs: readonly string[]): Promise<ExitCode> {
  const { flags } = context;
  const [{ imageGroups }, { multiCrop }] = await Promise.all([
    import('../pipeline/image-list.js'),
    import('../tasks/multi-crop.js'),
  ]);
  await using model = await open(context);
  const tiles = flags.number('tiles');
  const progress = context.progress('multi-crop');
  const [names, parts]: [string[], Features[]] = [[], []];
  const all: Failure[] = [];
  for await (const group of imageGroups(openItems(context, inputs, 'image'), 32)) {
    const found = await multiCrop(model, group.contents, {
      crops: flags.number('crops') === 10 ? 10 : 5,
      ...(tiles === null ? {} : { tiles }),
      signal: context.signal,
    });
    parts.push(found.features);
    names.push(...found.indices.map((index) => group.names[index] ?? ''));
    const own = found.failures.map((failure) => ({
      ...failure,
      input: group.names[failure.index] ?? failure.input,
    }));
    all.push(...group.failures, ...own);
    progress.update({ done: names.length + all.length, failed: all.length });
  }
  context.endProgress();
  const dim = parts.find(({ rows }) => rows > 0)?.dim ?? 0;
  const data = Float32Array.from(parts.flatMap((part) => [...part.data]));
  if (names.length > 0) await writeRows(context, { data, rows: names.length, dim }, { images: names });
  return context.reportFailures(all);
}

async function heatMap(context: Context, image: string): Promise<ExitCode> {
  const { flags } = context;
  const [{ patchHeatMap }, { heatMapPng }, { writeFileAtomic }] = await Promise.all([
    import('../tasks/arithmetic.js'),
    import('../output/heat-map.js'),
    import('../output/atomic.js'),
  ]);
  await using model = await open(context);
  const progress = context.progress('heatmap');
  progress.total(2);
  const text = await prompts(context, model, 'text');
  progress.update({ done: 1 });
  const states = await model.embedImageTokens([image], { signal: context.signal });
  progress.update({ done: 2 });
  context.endProgress();
  if (states.rows === 0) return context.reportFailures(states.failures);
  const { dim, vectors } = states;
  if (dim !== text.dim) {
    throw new DiptychError(
      'MODEL_UNSUPPORTED',
      `its patch tokens have ${String(dim)} numbers, its texts ${String(text.dim)}: export the graph with projected tokens (OWL-ViT does)`,
      { input: model.name },
    );
  }
  // A class token comes first where the patches alone would make a square.
  const side = Math.floor(Math.sqrt(vectors));
  const skipped = vectors - side * side;
  if (skipped > 1) {
    throw new DiptychError('MODEL_UNSUPPORTED', `${String(vectors)} tokens are no square of patches`, {
      input: model.name,
    });
  }
  const patches = { data: states.data.slice(skipped * dim), rows: side * side, dim };
  const numbers = Array.from({ length: side }, (_, at) => String(at));
  const map = patchHeatMap(patches, text, { rows: side, columns: side });
  await writeFileAtomic(flags.string('out') ?? '', heatMapPng(map, { rows: numbers, columns: numbers }));
  const best = map.data.indexOf(map.data.reduce((a, b) => Math.max(a, b), -Infinity));
  const peak = { row: Math.floor(best / side), column: best % side, cosine: map.data[best] ?? NaN };
  if (context.json) context.printJson({ rows: side, columns: side, peak, values: [...map.data] });
  else
    context.print(
      `best patch: row ${String(peak.row)}, column ${String(peak.column)} of ${String(side)} x ${String(side)}`,
    );
  return 0;
}

export function registerArithmetic(program: Command, terminal: Terminal): void {
  const group = program
    .command('arithmetic')
    .description('directions between prompts, moved rows, rankings, multi-crop means, heat maps of patches');
  const run = (body: (context: Context) => Promise<ExitCode>) => (values: OptionValues) =>
    runCommand(values, terminal, body);
  const runWith =
    <Input>(body: (context: Context, input: Input) => Promise<ExitCode>) =>
    (input: Input, values: OptionValues) =>
      runCommand(values, terminal, (context) => body(context, input));
  const out = 'where the rows go';
  addModelFlags(
    group
      .command('direction')
      .description('the way from one set of prompts to another (StyleCLIP)')
      .requiredOption('--from <a|b>', 'prompts separated by |, or an embedded set')
      .requiredOption('--to <a|b>', 'as --from')
      .requiredOption('--out <file.npy>', out)
      .addHelpText(
        'after',
        '\nExample:\n  $ diptych arithmetic direction --from "a photo of a dog" --to "a drawing of a dog" --out sketch.npy',
      ),
  ).action(run(directionOf));
  addOutputFlags(
    group
      .command('move')
      .description('rows of an embedded set moved along a direction')
      .argument('<set>', 'embedded set')
      .requiredOption('--along <file.npy>', 'a direction')
      .option('--amount <x>', 'how far (default: 1)', finiteNumber)
      .requiredOption('--out <file.npy>', out)
      .addHelpText(
        'after',
        '\nExample:\n  $ diptych arithmetic move embedded/ --along sketch.npy --amount 0.5 --out moved.npy',
      ),
  ).action(runWith(move));
  addOutputFlags(
    group
      .command('change')
      .description('directional similarity: the cosine of image change and text change, row by row')
      .requiredOption('--images-before <set>', 'embedded images')
      .requiredOption('--images-after <set>', 'the same, edited')
      .requiredOption('--texts-before <set>', 'their texts')
      .requiredOption('--texts-after <set>', 'texts of the edit')
      .addHelpText(
        'after',
        '\nExample:\n  $ diptych arithmetic change --images-before a.npy --images-after b.npy --texts-before c.npy --texts-after d.npy',
      ),
  ).action(run(change));
  addImageFlags(
    addUrlFlags(
      addModelFlags(
        group
          .command('rank')
          .description('images for each text, or texts for each image, best first')
          .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
          .requiredOption('--texts <a|b>', 'texts separated by |')
          .option('--of-images', 'rank the texts for each image instead')
          .option('--top <n>', 'candidates to show (default: all)', wholeNumber(1))
          .addHelpText(
            'after',
            '\nExample:\n  $ diptych arithmetic rank samples/*.png --texts "an armchair like an avocado" --top 3',
          ),
      ),
    ),
  ).action(runWith(rank));
  addImageFlags(
    addUrlFlags(
      addModelFlags(
        group
          .command('crops')
          .description('embeddings of images as the mean of several crops or tiles')
          .argument('<image...>', 'image files, folders, globs, URLs, lists, tars')
          .option('--crops <n>', '5 (default) or 10', wholeNumber(5, 10))
          .option('--tiles <n>', 'n x n tiles instead', wholeNumber(1, 16))
          .requiredOption('--out <file.npy>', out)
          .addHelpText(
            'after',
            '\nExample:\n  $ diptych arithmetic crops satellite/ --tiles 3 --out rows.npy',
          ),
      ),
    ),
  ).action(runWith(crops));
  addModelFlags(
    group
      .command('heatmap')
      .description(
        'the cosine of each patch of an image with a text, as a picture (needs projected patch tokens)',
      )
      .argument('<image>', 'image file')
      .requiredOption(
        '--text <text>',
        'what to look for (prompts separated by | are not averaged: the first counts)',
      )
      .requiredOption('--out <file.png>', 'where the picture goes')
      .addHelpText(
        'after',
        '\nExample:\n  $ diptych arithmetic heatmap street.jpg --text "a bicycle" --out bicycle.png --model owlvit/',
      ),
  ).action(runWith(heatMap));
}
