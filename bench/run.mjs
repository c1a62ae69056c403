#!/usr/bin/env node
// `npm run bench`: the benchmark suites of the checkout. The work is in src/bench; this only starts it.
import { fileURLToPath } from 'node:url';
import { main } from '../dist/bench/main.js';

const latest = (ending) => fileURLToPath(new URL(`results/latest.local.${ending}`, import.meta.url));
const files = { out: latest('json'), html: latest('html'), markdown: latest('md') };
process.exitCode = await main(process.argv.slice(2), files);
