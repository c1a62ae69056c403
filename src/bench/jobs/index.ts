import { native } from '../../native/load.js';
import type { JobFactory } from '../job.js';
import { encodeJob } from './encode.js';
import { decodeJob, preprocessJob, resizeJob } from './images.js';
import { eventLoopJob } from './event-loop.js';
import { constantJob, limitJob, referenceLoopJob } from './limits.js';
import { embedImagesJob, embedTextsJob, memoryJob, startJob, tokenizeJob } from './model.js';
import { denseJob, productsJob, topKFileJob, topKJob, topKMemoryJob } from './similarity.js';
import { modelTowerJob } from './model-tower.js';
import { textTowerJob } from './text-tower.js';

/** What a Diptych host can be asked to do, by name. */
export const jobs: Readonly<Record<string, JobFactory>> = {
  constant: constantJob,
  decode: decodeJob,
  dense: denseJob,
  'embed-images': embedImagesJob,
  'embed-texts': embedTextsJob,
  encode: encodeJob,
  'event-loop': eventLoopJob,
  limit: limitJob,
  memory: memoryJob,
  'model-tower': modelTowerJob,
  preprocess: preprocessJob,
  'reference-loop': referenceLoopJob,
  resize: resizeJob,
  start: startJob,
  'text-tower': textTowerJob,
  tokenize: tokenizeJob,
  products: productsJob,
  topk: topKJob,
  'topk-file': topKFileJob,
  'topk-memory': topKMemoryJob,
};

/** Versions of what is measured in a Diptych host. */
export function versions(): Record<string, string> {
  return { kernel: native().cpuInfo().chosen };
}
