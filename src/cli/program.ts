import { Command, CommanderError } from 'commander';
import { printError, type Terminal } from './context.js';
import { registerAdapt } from './adapt.js';
import { registerBench } from './bench.js';
import { registerCapFilt } from './capfilt.js';
import { registerCaption } from './caption.js';
import { registerClassify } from './classify.js';
import { registerCuda } from './cuda.js';
import { registerDedup } from './dedup.js';
import { registerCurate } from './curate.js';
import { registerFilter } from './filter.js';
import { registerDoctor } from './doctor.js';
import { registerEmbed } from './embed.js';
import { registerEval } from './eval.js';
import { registerKMeans } from './kmeans.js';
import { registerMerge } from './merge.js';
import { registerKnowledge } from './knowledge.js';
import { registerLoss } from './loss.js';
import { registerModels } from './models.js';
import { registerPreprocess } from './preprocess.js';
import { registerProbe } from './probe.js';
import { registerArithmetic } from './arithmetic.js';
import { registerRerank } from './rerank.js';
import { registerSearch } from './search.js';
import { registerSimilarity } from './similarity.js';
import { registerTokenize } from './tokenize.js';
import { packageVersion } from './version.js';

/** Adds a command to the program. */
export type Register = (program: Command, terminal: Terminal) => void;

/** One door a command; the order is that of --help. */
const COMMANDS: readonly Register[] = [
  registerEmbed,
  registerMerge,
  registerClassify,
  registerSimilarity,
  registerSearch,
  registerRerank,
  registerCaption,
  registerCapFilt,
  registerDedup,
  registerEval,
  registerProbe,
  registerLoss,
  registerAdapt,
  registerKnowledge,
  registerArithmetic,
  registerCurate,
  registerFilter,
  registerKMeans,
  registerModels,
  registerTokenize,
  registerPreprocess,
  registerCuda,
  registerDoctor,
];

/** Commander's message as our one line. */
function usageLine(message: string): string {
  const line = message
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ');
  return `diptych: BAD_OPTION: ${line}\n`;
}

function applyStyle(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => {
        write(usageLine(text));
      },
    });
  for (const child of command.commands) applyStyle(child, terminal);
}

/** Runs `diptych ARGS`; the exit code is left in `process.exitCode`. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<void> {
  const program = new Command('diptych')
    .description(
      'CLIP-family embeddings: images and texts to vectors of one space, and what follows from them',
    )
    .version(packageVersion(), '-V, --version')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych classify photos/*.jpg --labels cat,coffee,rocket
  $ diptych embed photos/ --out embedded
  $ diptych search "a cup of coffee" --in embedded
  $ diptych embed --help

Exit codes: 0 all done, 1 failed, 2 wrong usage, 3 done but some inputs failed (they are listed).`,
    );
  for (const register of COMMANDS) register(program, terminal);
  await registerBench(program, args.includes('bench'));
  applyStyle(program, terminal);
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      process.exitCode = printError(error, terminal, args.includes('--verbose'));
      return;
    }
    // --help and --version are no errors; everything else that commander throws is wrong usage.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
