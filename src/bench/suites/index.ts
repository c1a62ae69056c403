import type { Suite } from '../types.js';
import { embedSuite } from './embed.js';
import { encoderSuite } from './encoder.js';
import { eventLoopSuite } from './event-loop.js';
import { machineSuite } from './machine.js';
import { preprocessSuite } from './preprocess.js';
import { memorySuite, startSuite } from './process.js';
import { resizeSuite } from './resize.js';
import { similaritySuite } from './similarity.js';
import { tokenizeSuite } from './tokenize.js';

/** In the order in which they run. */
export const suites: readonly Suite[] = [
  machineSuite,
  preprocessSuite,
  resizeSuite,
  tokenizeSuite,
  similaritySuite,
  encoderSuite,
  embedSuite,
  startSuite,
  memorySuite,
  eventLoopSuite,
];
