import { loadModel, type Model } from '../../engine.js';
import { ParamReader, type Job } from '../job.js';
import { longestTurn } from '../longest-turn.js';
import type { Params } from '../types.js';

/** How long the event loop is held at most while many images or texts are embedded, the opening of the tower included. */
export async function eventLoopJob(params: Params): Promise<Job> {
  const reader = new ParamReader(params);
  const [inputs, kind] = [reader.strings('inputs'), reader.string('kind')];
  const name = reader.string('model');
  let longest = 0;
  let model: Model | null = null;
  await Promise.resolve();
  return {
    settings: `longest turn of the main thread, ${String(inputs.length)} ${kind}`,
    run: async () => {
      const loaded = await loadModel(name, { device: 'cpu', onWarning: () => undefined });
      model = loaded;
      longest = await longestTurn(
        () => (kind === 'images' ? loaded.embedImages(inputs) : loaded.embedTexts(inputs)),
        1,
      );
      await loaded.close();
    },
    value: () => longest,
    close: () => model?.close() ?? Promise.resolve(),
  };
}
