import type { Command, OptionValues } from 'commander';
import type { Context, Terminal } from './context.js';
import { addOutputFlags, wholeNumber } from './flags.js';
import { runCommand, type ExitCode } from './run.js';
import { packageVersion } from './version.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');

async function verify(context: Context, name: string): Promise<ExitCode> {
  const { verifyModel } = await import('../verify.js');
  const { flags } = context;
  const [reference, images, threads] = [
    flags.string('reference'),
    flags.string('images'),
    flags.number('threads'),
  ];
  const report = await verifyModel(name, {
    ...(reference === null ? {} : { reference }),
    ...(images === null ? {} : { images }),
    ...(threads === null ? {} : { threads }),
  });
  if (context.json) context.printJson(report);
  else {
    // Markdown, so that it can be pasted into an issue as it is.
    context.print(`diptych ${packageVersion()}, ${report.model} (${report.family}, ${report.layout})\n`);
    context.print('| check | result | what was found |');
    context.print('| --- | --- | --- |');
    for (const { check, state, detail } of report.rows)
      context.print(`| ${check} | ${state} | ${cell(detail)} |`);
  }
  return report.ok ? 0 : 1;
}

/** `diptych models verify`. */
export function registerVerify(models: Command, terminal: Terminal): void {
  const command = models
    .command('verify')
    .description('look a model folder over: prints a table to paste into an issue')
    .argument('<model>', 'folder, name or hub id')
    .option('--reference <file>', 'JSON with numbers of the official code, to name the step that differs')
    .option('--images <folder>', 'where the pictures of the reference are (default: beside it)')
    .option('--threads <n>', 'encoder threads (default: all cores)', wholeNumber(1, 1024))
    .addHelpText(
      'after',
      `
Examples:
  $ diptych models verify ./my-model
  $ diptych models verify ./my-model --reference reference.json --images photos/`,
    );
  addOutputFlags(command).action((name: string, values: OptionValues) =>
    runCommand(values, terminal, (context) => verify(context, name)),
  );
}
