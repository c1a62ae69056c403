import type { Command, OptionValues } from 'commander';
import { toDiptychError } from '../errors.js';
import type { Context, Terminal } from './context.js';
import { addOutputFlags } from './flags.js';
import { runCommand, type ExitCode } from './run.js';
import { packageVersion } from './version.js';

/** What `doctor --json` prints. */
interface Report {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: {
    readonly kernels: readonly string[];
    readonly chosen: string | null;
    readonly features: readonly string[];
    readonly cores: number | null;
    readonly active: Readonly<Record<string, string>>;
  };
  readonly vips: string | null;
  readonly jpeg: string | null;
  readonly onnxruntime: string | null;
  readonly providers: readonly string[];
  readonly cuda: { readonly usable: boolean; readonly reason: string };
  /** One sentence each: what does not work, and what to do. */
  readonly problems: readonly string[];
}

/** Runs a check; what it throws becomes a problem. */
async function attempt<T>(problems: string[], check: () => T | Promise<T>): Promise<T | null> {
  try {
    return await check();
  } catch (error) {
    const { code, message } = toDiptychError(error, 'NATIVE_MISSING');
    problems.push(`${code}: ${message}`);
    return null;
  }
}

async function examine(): Promise<Report> {
  const problems: string[] = [];
  const { native } = await import('../native/load.js');
  const { declineTelemetry } = await import('../session/telemetry.js');
  const { cudaStatus, onnxRuntime } = await import('../session/cuda/status.js');
  const cpu = await attempt(problems, () => native().cpuInfo());
  const cores = await attempt(problems, () => native().availableCores());
  const decoder = await attempt(problems, () => native().decoderInfo());
  const runtime = await attempt(problems, async () => {
    const { version } = onnxRuntime();
    declineTelemetry();
    await import('onnxruntime-node');
    return version;
  });
  const cuda = await attempt(problems, () => cudaStatus());
  const { usable, reason } = cuda ?? { usable: false, reason: 'could not be examined' };
  return {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: {
      kernels: cpu?.kernels ?? [],
      chosen: cpu?.chosen ?? null,
      features: cpu?.features ?? [],
      cores,
      active: cpu?.active ?? {},
    },
    vips: decoder?.vips ?? null,
    jpeg: decoder?.jpeg ?? null,
    onnxruntime: runtime,
    providers: runtime === null ? [] : usable ? ['cpu', 'cuda'] : ['cpu'],
    cuda: { usable, reason },
    problems: [...new Set(problems)],
  };
}

async function doctor(context: Context): Promise<ExitCode> {
  const report = await examine();
  if (context.json) {
    context.printJson(report);
  } else {
    const { cpu } = report;
    const variants = Object.entries(cpu.active).map(([operation, variant]) => `${operation}: ${variant}`);
    const lines: readonly (readonly [string, string])[] = [
      ['diptych', `${report.version}, Node.js ${report.node}, ${report.platform}`],
      ['cpu kernels', `${cpu.kernels.join(', ')}; chosen: ${cpu.chosen ?? 'none'}`],
      ['cpu features', cpu.features.join(', ')],
      ['in use', variants.join(', ')],
      ['cores', cpu.cores === null ? 'unknown' : String(cpu.cores)],
      ['libvips', report.vips ?? 'missing'],
      ['jpeg', report.jpeg ?? 'missing'],
      ['onnxruntime', report.onnxruntime ?? 'missing'],
      ['cuda', `${report.cuda.usable ? 'usable' : 'not usable'}: ${report.cuda.reason}`],
    ];
    for (const [name, value] of lines) context.print(`${name.padEnd(14)}${value === '' ? '-' : value}`);
    for (const problem of report.problems) context.print(`problem: ${problem}`);
    context.print(report.problems.length === 0 ? 'all is well on this machine' : 'see the problems above');
  }
  return report.problems.length === 0 ? 0 : 1;
}

export function registerDoctor(program: Command, terminal: Terminal): void {
  const command = program
    .command('doctor')
    .description('CPU kernels, libvips, ONNX Runtime, CUDA: what is found, what is missing, what to do')
    .addHelpText(
      'after',
      `
Examples:
  $ diptych doctor
  $ DIPTYCH_KERNEL=reference diptych doctor --json`,
    );
  addOutputFlags(command);
  command.action((values: OptionValues) => runCommand(values, terminal, doctor));
}
