import { DiptychError } from '../errors.js';
import type { CaptionedImage } from '../tasks/evaluate-retrieval.js';
import type { RetrievalMetrics } from '../tasks/retrieval.js';
import type { Failure } from '../pipeline/types.js';
import type { Context } from './context.js';
import { readLabels, readSet, writeJson } from './embedded.js';
import { modelOptions } from './flags.js';
import { openItems } from './inputs.js';
import type { ExitCode } from './run.js';
import { table } from './table.js';

/** `diptych eval retrieval`: saved embeddings, or images with captions through a model. */

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

function recallK({ flags }: Context): number[] {
  return (flags.string('recallK') ?? '1,5,10').split(',').map((text) => {
    const k = Number(text);
    if (Number.isSafeInteger(k) && k > 0) return k;
    throw new DiptychError('BAD_OPTION', `expected whole numbers as 1,5,10, got ${text}`, {
      input: '--recall-k',
    });
  });
}

interface Found {
  readonly metrics: RetrievalMetrics;
  readonly images: number;
  readonly texts: number;
  readonly failures: readonly Pick<Failure, 'input' | 'code' | 'message'>[];
  readonly model: string;
}

async function ofSets(context: Context, source: string): Promise<Found> {
  const { flags } = context;
  const images = await readSet(source, 'image');
  const texts = await readSet(flags.string('texts') ?? source, 'text');
  const owners = flags.string('owners');
  if (owners === null && images.rows !== texts.rows) {
    throw new DiptychError(
      'DIMENSION_MISMATCH',
      `${String(images.rows)} images and ${String(texts.rows)} texts: say whose each text is with --owners FILE`,
      { input: source },
    );
  }
  const imageOfText =
    owners === null ? Array.from({ length: texts.rows }, (_, row) => row) : await readLabels(owners);
  const { retrievalMetrics } = await import('../tasks/retrieval.js');
  const metrics = await retrievalMetrics(images, texts, imageOfText, {
    recallK: recallK(context),
    signal: context.signal,
  });
  return { metrics, images: images.rows, texts: texts.rows, failures: [], model: '' };
}

/** Pairs of the input, by image: a table may name an image once for each of its captions, a tar has lines. */
async function captionedImages(
  context: Context,
  source: string,
): Promise<{ captioned: CaptionedImage[]; failures: Found['failures'] }> {
  const byImage = new Map<string, { name: string; image: string | Uint8Array; captions: string[] }>();
  const failures: Pick<Failure, 'input' | 'code' | 'message'>[] = [];
  for await (const item of openItems(context, [source], 'auto')) {
    if (item.shape === 'broken') {
      failures.push({ input: item.name, code: item.error.code, message: item.error.message });
      continue;
    }
    if (item.shape !== 'pair') {
      const message = `a row without ${item.shape === 'text' ? 'an image' : 'a caption'}`;
      failures.push({ input: item.name, code: 'BAD_INPUT', message });
      continue;
    }
    const key = typeof item.image === 'string' ? item.image : item.name;
    const known = byImage.get(key) ?? { name: item.name, image: item.image, captions: [] };
    known.captions.push(...item.text.split(/\r?\n/).filter((line) => line.trim() !== ''));
    byImage.set(key, known);
  }
  return { captioned: [...byImage.values()], failures };
}

async function ofModel(context: Context, source: string): Promise<Found> {
  const { flags } = context;
  const [{ loadModel }, { evaluateRetrieval }] = await Promise.all([
    import('../engine.js'),
    import('../tasks/evaluate-retrieval.js'),
  ]);
  const { captioned, failures } = await captionedImages(context, source);
  if (captioned.length === 0) {
    const [first] = failures;
    throw new DiptychError('BAD_INPUT', first?.message ?? 'expected images with captions', { input: source });
  }
  await using model = await loadModel(
    flags.string('model') ?? undefined,
    modelOptions(flags, (message) => {
      context.warn(message);
    }),
  );
  const progress = context.progress('eval');
  const rerank = flags.number('rerank');
  const limit = flags.number('limit') ?? captioned.length;
  const found = await evaluateRetrieval(model, captioned.slice(0, limit), {
    recallK: recallK(context),
    ...(rerank === null ? {} : { rerank }),
    signal: context.signal,
    onProgress: (done, total) => {
      progress.total(total);
      progress.update({ done, stages: model.seconds });
    },
  });
  return { ...found, failures: [...failures, ...found.failures], model: model.name };
}

export async function evalRetrieval(context: Context, source: string): Promise<ExitCode> {
  const { flags } = context;
  const start = performance.now();
  const isSaved = flags.boolean('embedded') || flags.has('texts') || /\.npy$/i.test(source);
  const found = isSaved ? await ofSets(context, source) : await ofModel(context, source);
  context.endProgress();
  const [{ benchmarkMetrics }, { benchmarkRecord }] = await Promise.all([
    import('../tasks/retrieval.js'),
    import('../tasks/evaluate.js'),
  ]);
  const metrics = benchmarkMetrics(found.metrics);
  const out = flags.string('out');
  if (out !== null)
    await writeJson(out, benchmarkRecord({ name: found.model }, source, 'zeroshot_retrieval', metrics));
  const { images, texts } = found;
  const seconds = (performance.now() - start) / 1000;
  if (context.json) {
    const { imagesWithoutText } = found.metrics;
    context.printJson({ suite: 'retrieval', metrics, images, texts, imagesWithoutText, seconds });
  } else {
    const rows = (['imageRetrieval', 'textRetrieval'] as const).map((way) => {
      const { recall, meanRank, medianRank } = found.metrics[way];
      const recalls = recallK(context).map((k) => percent(recall[k] ?? NaN));
      const name = way === 'imageRetrieval' ? 'image for a text' : 'text for an image';
      return [name, ...recalls, meanRank.toFixed(2), String(medianRank)];
    });
    const heads = recallK(context).map((k) => `R@${String(k)}`);
    context.print(table(['finding', ...heads, 'mean rank', 'median rank'], rows));
  }
  return context.reportFailures(found.failures);
}
