import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { loadModel, type Model } from '../../engine.js';
import { embedFiles } from '../../pipeline/embed-files.js';
import { inputItems } from '../../pipeline/item-source.js';
import { ParamReader, type Job } from '../job.js';
import { longestTurn } from '../longest-turn.js';
import type { Params } from '../types.js';

/** A whole run, as `diptych embed` makes it: inputs read, parts written. */
async function embedRun(model: Model, reader: ParamReader): Promise<void> {
  const scratch = reader.string('scratch');
  const format = reader.choice('format', ['npy', 'parquet', 'jsonl']);
  const folder = await mkdtemp(join(scratch, 'run-'));
  const items = inputItems(reader.strings('inputs'), {
    kind: 'image',
    columns: { image: null, text: null },
    stdin: Readable.from([]),
    scratch,
    share: null,
    concurrency: 16,
    timeoutMs: 20_000,
    maxBytes: null,
    allowPrivateUrls: false,
  });
  await embedFiles(model, items, {
    folder,
    existing: 'refuse',
    format,
    dtype: 'fp32',
    shardSize: 10_000,
    onError: 'fail',
    maxFailures: 0,
    identity: { model: model.name },
    versions: {},
  });
  await rm(folder, { recursive: true });
}

/** How long the event loop is held at most while many images or texts are embedded, the opening of the tower included. */
export async function eventLoopJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [inputs, kind] = [reader.strings('inputs'), reader.choice('kind', ['images', 'texts', 'run'])];
  const name = reader.string('model');
  let longest = 0;
  let model: Model | null = null;
  await Promise.resolve();
  return {
    settings: `longest turn of the main thread, ${String(inputs.length)} ${kind}`,
    run: async () => {
      const loaded = await loadModel(name, { device: 'cpu', onWarning: () => undefined });
      model = loaded;
      const work = {
        images: () => loaded.embedImages(inputs),
        texts: () => loaded.embedTexts(inputs),
        run: () => embedRun(loaded, reader),
      };
      longest = await longestTurn(work[kind], 1);
      await loaded.close();
    },
    value: () => longest,
    close: () => model?.close() ?? Promise.resolve(),
  };
}
