import type { Command } from 'commander';

/**
 * The benchmark command. Its harness is only loaded when it is asked for: no other command should wait for it.
 */
export async function registerBench(program: Command, isWanted: boolean): Promise<void> {
  if (!isWanted) {
    program
      .command('bench')
      .description('measure Diptych, the limits of this machine and, where installed, other engines');
    return;
  }
  const { benchCommand } = await import('../bench/main.js');
  const command = benchCommand((exitCode) => {
    process.exitCode = exitCode;
  });
  command.addHelpText(
    'after',
    `
Examples:
  $ diptych bench similarity
  $ diptych bench embed --model ./my-model --images photos/ --json
  $ diptych bench compare old.json new.json`,
  );
  program.addCommand(command);
}
