#!/usr/bin/env node
import { runProgram } from './program.js';

// A reader that has seen enough (`diptych models list | head`) is no error: what is left goes nowhere.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

await runProgram(process.argv.slice(2), process);
