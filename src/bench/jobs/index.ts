import { native } from '../../native/load.js';
import type { JobFactory } from '../job.js';
import { limitJob } from './limits.js';
import { denseJob, topKJob } from './similarity.js';

/** What a Diptych host can be asked to do, by name. */
export const jobs: Readonly<Record<string, JobFactory>> = {
  dense: denseJob,
  limit: limitJob,
  topk: topKJob,
};

/** Versions of what is measured in a Diptych host. */
export function versions(): Record<string, string> {
  return { kernel: native().cpuInfo().chosen };
}
