import { native } from '../../native/load.js';
import type { JobFactory } from '../job.js';
import { decodeJob, preprocessJob, resizeJob } from './images.js';
import { limitJob } from './limits.js';
import { denseJob, topKJob } from './similarity.js';

/** What a Diptych host can be asked to do, by name. */
export const jobs: Readonly<Record<string, JobFactory>> = {
  decode: decodeJob,
  dense: denseJob,
  limit: limitJob,
  preprocess: preprocessJob,
  resize: resizeJob,
  topk: topKJob,
};

/** Versions of what is measured in a Diptych host. */
export function versions(): Record<string, string> {
  return { kernel: native().cpuInfo().chosen };
}
