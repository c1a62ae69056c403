import type { Command, OptionValues } from 'commander';
import type { Context, Terminal } from './context.js';
import { addOutputFlags } from './flags.js';
import { runCommand, type ExitCode } from './run.js';

interface Status {
  readonly usable: boolean;
  readonly reason: string;
}

function report(context: Context, { usable, reason }: Status): void {
  if (context.json) context.printJson({ usable, reason });
  else context.print(`${usable ? 'usable' : 'not usable'}: ${reason}`);
}

async function status(context: Context): Promise<ExitCode> {
  const { cudaStatus } = await import('../session/cuda/status.js');
  report(context, cudaStatus());
  return 0;
}

async function install(context: Context): Promise<ExitCode> {
  const { installCuda } = await import('../session/cuda/install.js');
  const from = context.flags.string('from');
  const result = await installCuda(from === null ? {} : { from });
  report(context, result);
  return result.usable ? 0 : 1;
}

export function registerCuda(program: Command, terminal: Terminal): void {
  const cuda = program.command('cuda').description('what CUDA needs here, and its provider for ONNX Runtime');
  const state = cuda.command('status').description('whether CUDA can be used, and if not why');
  addOutputFlags(state).action((values: OptionValues) => runCommand(values, terminal, status));
  const put = cuda
    .command('install')
    .description("put ONNX Runtime's CUDA provider where ONNX Runtime looks for it")
    .option('--from <dir>', "folder that holds the provider's files (default: fetched by onnxruntime-node)")
    .addHelpText(
      'after',
      `
Examples:
  $ diptych cuda status
  $ diptych cuda install
  $ diptych cuda install --from ~/Downloads/onnxruntime-linux-x64-gpu

CUDA itself and cuDNN come from the system's packages, or from Python's wheels (nvidia-cublas-cu12,
nvidia-cudnn-cu12, ...); DIPTYCH_CUDA_PATH names a folder to look in first. The exit code is 0 when CUDA can be
used afterwards, 1 when something is still missing (it says what).`,
    );
  addOutputFlags(put).action((values: OptionValues) => runCommand(values, terminal, install));
}
