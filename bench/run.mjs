#!/usr/bin/env node
// `npm run bench`: the benchmark suites of the checkout. The work is in src/bench; this only starts it.
import { main } from '../dist/bench/main.js';

process.exitCode = await main(process.argv.slice(2));
