import type { Suite } from '../types.js';
import { machineSuite } from './machine.js';
import { preprocessSuite } from './preprocess.js';
import { resizeSuite } from './resize.js';
import { similaritySuite } from './similarity.js';

/** In the order in which they run. */
export const suites: readonly Suite[] = [machineSuite, preprocessSuite, resizeSuite, similaritySuite];
