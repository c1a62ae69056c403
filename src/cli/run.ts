import type { OptionValues } from 'commander';
import { systemCode } from '../errors.js';
import { Context, printError, type Terminal } from './context.js';
import { Flags } from './flags.js';

/** 0: all done; 3: done, but some inputs failed (they were named); 130: interrupted, having kept what is whole. */
export type ExitCode = 0 | 1 | 3 | 130;

/**
 * Runs a command's body: gives it a context, stops it on signals, prints what it throws and sets the exit code.
 * The process ends by itself once nothing is left to do: ending it under a running encoder would abort it.
 */
export async function runCommand(
  values: OptionValues,
  terminal: Terminal,
  body: (context: Context) => Promise<ExitCode>,
): Promise<void> {
  const context = new Context(new Flags(values), terminal);
  const interrupt = (): void => {
    context.interrupt();
  };
  const reader = { left: false };
  const onClosed = (error: Error): void => {
    // The reader has gone (`| head`): there is nobody to work for, and nothing to complain about.
    if (systemCode(error) !== 'EPIPE' || reader.left) return;
    reader.left = true;
    context.interrupt();
  };
  // Who reads the progress may leave: a run of days goes on without.
  const onUnwatched = (): void => undefined;
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  terminal.stdout.on('error', onClosed);
  terminal.stderr.on('error', onUnwatched);
  try {
    process.exitCode = await body(context);
  } catch (error) {
    context.endProgress();
    const closed = reader.left || terminal.stdout.destroyed || !terminal.stdout.writable;
    process.exitCode = closed ? 0 : printError(error, terminal, context.flags.boolean('verbose'));
  } finally {
    context.endProgress();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
