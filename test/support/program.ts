import { PassThrough, Readable } from 'node:stream';
import { runProgram } from '#diptych/cli/program.js';
import type { Outcome } from './command.js';

async function textOf(stream: PassThrough): Promise<string> {
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Runs `diptych ARGS` within this process: for what needs no process of its own. */
export async function inProcess(args: readonly string[], stdin = ''): Promise<Outcome> {
  const before = process.exitCode;
  const [stdout, stderr] = [
    new PassThrough({ highWaterMark: 1 << 24 }),
    new PassThrough({ highWaterMark: 1 << 24 }),
  ];
  process.exitCode = 0;
  try {
    await runProgram(args, {
      stdin: Readable.from([Buffer.from(stdin)], { objectMode: false }),
      stdout,
      stderr,
    });
    return { code: process.exitCode, stdout: await textOf(stdout), stderr: await textOf(stderr) };
  } finally {
    process.exitCode = before;
  }
}
