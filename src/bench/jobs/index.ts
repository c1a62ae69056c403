import { native } from '../../native/load.js';
import type { JobFactory } from '../job.js';
import { limitJob } from './limits.js';

/** What a Diptych host can be asked to do, by name. */
export const jobs: Readonly<Record<string, JobFactory>> = {
  limit: limitJob,
};

/** Versions of what is measured in a Diptych host. */
export function versions(): Record<string, string> {
  return { kernel: native().cpuInfo().chosen };
}
