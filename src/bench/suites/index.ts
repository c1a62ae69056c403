import type { Suite } from '../types.js';
import { machineSuite } from './machine.js';

/** In the order in which they run. */
export const suites: readonly Suite[] = [machineSuite];
