import { Command, CommanderError } from 'commander';
import { printError, type Terminal } from './context.js';
import { registerBench } from './bench.js';
import { packageVersion } from './version.js';

/** Adds a command to the program. */
export type Register = (program: Command, terminal: Terminal) => void;

/**
 * One door a command; the order is that of --help. A command's modules are loaded when it is asked for: all of them
 * together take longer than a small model.
 */
const COMMANDS: readonly { readonly name: string; readonly load: () => Promise<Register> }[] = [
  { name: 'embed', load: async () => (await import('./embed.js')).registerEmbed },
  { name: 'merge', load: async () => (await import('./merge.js')).registerMerge },
  { name: 'classify', load: async () => (await import('./classify.js')).registerClassify },
  { name: 'similarity', load: async () => (await import('./similarity.js')).registerSimilarity },
  { name: 'search', load: async () => (await import('./search.js')).registerSearch },
  { name: 'rerank', load: async () => (await import('./rerank.js')).registerRerank },
  { name: 'caption', load: async () => (await import('./caption.js')).registerCaption },
  { name: 'capfilt', load: async () => (await import('./capfilt.js')).registerCapFilt },
  { name: 'dedup', load: async () => (await import('./dedup.js')).registerDedup },
  { name: 'eval', load: async () => (await import('./eval.js')).registerEval },
  { name: 'probe', load: async () => (await import('./probe.js')).registerProbe },
  { name: 'loss', load: async () => (await import('./loss.js')).registerLoss },
  { name: 'adapt', load: async () => (await import('./adapt.js')).registerAdapt },
  { name: 'knowledge', load: async () => (await import('./knowledge.js')).registerKnowledge },
  { name: 'arithmetic', load: async () => (await import('./arithmetic.js')).registerArithmetic },
  { name: 'curate', load: async () => (await import('./curate.js')).registerCurate },
  { name: 'filter', load: async () => (await import('./filter.js')).registerFilter },
  { name: 'kmeans', load: async () => (await import('./kmeans.js')).registerKMeans },
  { name: 'models', load: async () => (await import('./models.js')).registerModels },
  { name: 'tokenize', load: async () => (await import('./tokenize.js')).registerTokenize },
  { name: 'preprocess', load: async () => (await import('./preprocess.js')).registerPreprocess },
  { name: 'cuda', load: async () => (await import('./cuda.js')).registerCuda },
  { name: 'doctor', load: async () => (await import('./doctor.js')).registerDoctor },
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
  const [first] = args;
  // What comes after a command's name is the command's: bench and its sub-commands share names of options.
  if (first === 'bench') program.enablePositionalOptions();
  const asked = COMMANDS.filter(({ name }) => name === first);
  // Anything else than a command's name (--help, a mistyped name) wants to know of all.
  for (const { load } of asked.length > 0 ? asked : COMMANDS) {
    const register = await load();
    register(program, terminal);
  }
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
