#!/usr/bin/env node
// Instruction counts of the kernels against the stored ones: node bench/counts.mjs [--write] [--tool step|perf|callgrind]
import { readFileSync, writeFileSync } from 'node:fs';
import { countChanges, countInstructions, countsProgram, storedCounts } from '../dist/bench/instructions.js';

const args = process.argv.slice(2);
const tool = args.includes('--tool') ? args[args.indexOf('--tool') + 1] : 'step';
const program = countsProgram();
if (program === undefined) {
  console.error('diptych_kernel_counts is not built: run `npm test`, or cmake with -DDIPTYCH_TESTS=ON');
  process.exit(1);
}
const now = await countInstructions(program, tool);
if (now === null) {
  console.error(`${tool} cannot count instructions here`);
  process.exit(1);
}
if (args.includes('--write')) {
  const file = new URL('native/counts.json', import.meta.url);
  const all = JSON.parse(readFileSync(file, 'utf8'));
  // Kernels that this CPU lacks keep what another one measured.
  all[now.compiler] = { ...all[now.compiler], ...now.counts };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}
const stored = await storedCounts(now.compiler);
for (const [name, count] of Object.entries(now.counts))
  console.log(`${name} ${count} (stored: ${stored?.counts[name] ?? 'none'})`);
const changes = stored === undefined ? [] : countChanges(stored, now, 0.03);
for (const { name, ratio } of changes) console.log(`CHANGED ${name}: ${(100 * (ratio - 1)).toFixed(1)} %`);
process.exitCode = changes.some(({ ratio }) => ratio > 1) ? 1 : 0;
