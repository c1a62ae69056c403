import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DiptychError } from '../errors.js';
import { packageRoot } from './host.js';
import { isRecord } from './protocol.js';

const run = promisify(execFile);

/** Instructions of each kernel variant, by name, and the compiler that made them. */
export interface Counts {
  readonly compiler: string;
  readonly counts: Readonly<Record<string, number>>;
}

export interface CountChange {
  readonly name: string;
  readonly stored: number;
  readonly now: number;
  /** now / stored. */
  readonly ratio: number;
}

/** Where the build of the C++ tests leaves the counting program; undefined where it is not built. */
export function countsProgram(): string | undefined {
  return ['build-tests', 'build']
    .flatMap((folder) => [
      join(packageRoot, folder, 'diptych_kernel_counts'),
      join(packageRoot, folder, 'Release', 'diptych_kernel_counts'),
    ])
    .find((file) => existsSync(file));
}

/** Repeats for perf and callgrind: what a process costs besides falls out of the difference. */
const FEW = 10;
const MANY = 60;

async function perfTotal(program: string, name: string, times: number): Promise<number> {
  const args = ['stat', '-x', ',', '-e', 'instructions:u', program, '--run', name, String(times)];
  const { stderr } = await run('perf', args);
  const total = Number(
    stderr
      .split('\n')
      .find((line) => line.includes('instructions'))
      ?.split(',')[0],
  );
  if (Number.isFinite(total)) return total;
  throw new DiptychError('BAD_OPTION', 'perf cannot count instructions here', { input: 'perf' });
}

async function callgrindTotal(program: string, name: string, times: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'diptych-counts-'));
  try {
    const out = join(folder, 'out');
    const args = ['--tool=callgrind', `--callgrind-out-file=${out}`, program, '--run', name, String(times)];
    await run('valgrind', args, { timeout: 120_000 });
    return Number(/^(?:summary|totals): (\d+)/m.exec(await readFile(out, 'utf8'))?.[1]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export type CountTool = 'step' | 'perf' | 'callgrind';

/**
 * Counts by single steps (`step`: everywhere ptrace is allowed, all instruction sets), `perf stat` (exact and
 * fast, where the CPU's counters may be read) or callgrind (knows no AVX-512, so counts what runs without).
 * `null` where the tool cannot work here.
 */
export async function countInstructions(program: string, tool: CountTool): Promise<Counts | null> {
  const compiler = (await run(program, ['--compiler'])).stdout.trim();
  try {
    if (tool === 'step') {
      const { stdout } = await run(program, [], { timeout: 300_000 });
      return { compiler, counts: Object.fromEntries(stdout.trim().split('\n').map(countLine)) };
    }
    const total = tool === 'perf' ? perfTotal : callgrindTotal;
    // Under valgrind the program sees valgrind's CPU, and lists what runs on that.
    const [command, args] = tool === 'perf' ? [program, ['--list']] : ['valgrind', ['-q', program, '--list']];
    const names = (await run(command, args)).stdout.trim().split('\n');
    const counts: Record<string, number> = {};
    for (const name of names) {
      const spread = (await total(program, name, MANY)) - (await total(program, name, FEW));
      counts[name] = Math.round(spread / (MANY - FEW));
    }
    return { compiler, counts };
  } catch {
    return null;
  }
}

function countLine(line: string): readonly [string, number] {
  const [name = '', count] = line.split(' ');
  return [name, Number(count)];
}

/** Kernels that take more than `tolerance` (0.03: 3 %) more or fewer instructions than stored. */
export function countChanges(stored: Counts, now: Counts, tolerance: number): CountChange[] {
  return Object.entries(now.counts).flatMap(([name, count]) => {
    const before = stored.counts[name];
    if (before === undefined) return [];
    const ratio = count / before;
    return Math.abs(ratio - 1) > tolerance ? [{ name, stored: before, now: count, ratio }] : [];
  });
}

/** The stored counts of one compiler, or undefined where there are none for it. */
export async function storedCounts(compiler: string): Promise<Counts | undefined> {
  const file = join(packageRoot, 'bench', 'native', 'counts.json');
  const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!isRecord(parsed)) throw new DiptychError('BAD_INPUT', 'is not an object', { input: file });
  const counts = parsed[compiler];
  if (!isRecord(counts)) return undefined;
  return {
    compiler,
    counts: Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])),
  };
}
