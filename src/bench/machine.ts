import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { native } from '../native/load.js';
import { packageRoot } from './host.js';

/** Where and on what a run was made. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** Kernel family in use, and what the CPU offers. */
  readonly kernel: string;
  readonly kernels: readonly string[];
  readonly features: readonly string[];
  readonly memoryGb: number;
  readonly os: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Commit of the checkout, with "+changes" when files differ from it; null outside a checkout. */
  readonly commit: string | null;
  /** MHz now, of the fastest core; null where the system does not tell. */
  readonly mhz: number | null;
  /** CPU frequency policy, or null (virtual machines have none). */
  readonly governor: string | null;
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** Share of all cores' time that other processes took during the run (Linux), or null. */
  readonly otherLoad: number | null;
  /** Share of time that the hypervisor gave to others (steal), or null. */
  readonly steal: number | null;
  /** True where the figures cannot be trusted: others were working on the same cores. */
  readonly busy: boolean;
}

/** More than this share of the machine used by others makes a run "busy". */
const BUSY_SHARE = 0.1;
const STEAL_SHARE = 0.02;

interface Ticks {
  readonly total: number;
  readonly used: number;
  readonly steal: number;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** CPU time of the whole machine so far, in ticks: user nice system idle iowait irq softirq steal. */
function machineTicks(): Ticks | null {
  const line = read('/proc/stat')?.split('\n')[0];
  if (line === undefined) return null;
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = fields;
  const used = user + nice + system + irq + soft;
  return { total: used + idle + wait + steal, used, steal };
}

/** Ticks of /proc in a second: USER_HZ, 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds of all cores that the hypervisor gave to others so far; 0 where that is not told. */
export function stolenSeconds(): number {
  return (machineTicks()?.steal ?? 0) / TICKS_PER_SECOND;
}

/** CPU time of this process and its ended children, in ticks. Living children are counted when they end. */
function ownTicks(): number {
  const fields = read('/proc/self/stat')?.split(') ')[1]?.split(' ') ?? [];
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
}

function frequency(): number | null {
  const lines = read('/proc/cpuinfo')?.match(/^cpu MHz\s*:\s*([\d.]+)/gm) ?? [];
  const values = lines.map((line) => Number(line.split(':')[1])).filter((value) => value > 0);
  if (values.length > 0) return Math.round(Math.max(...values));
  const speed = cpus()[0]?.speed ?? 0;
  return speed > 0 ? speed : null;
}

function commit(): string | null {
  if (!existsSync(join(packageRoot, '.git'))) return null;
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: packageRoot,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    // Results themselves may be new: they do not change what is measured.
    const changed = git(
      'status',
      '--porcelain',
      '--untracked-files=no',
      '--',
      'src',
      'native',
      'package.json',
      'CMakeLists.txt',
    );
    return git('rev-parse', '--short=12', 'HEAD') + (changed === '' ? '' : '+changes');
  } catch {
    return null;
  }
}

function version(name: string): string | null {
  const text = read(join(packageRoot, 'node_modules', ...name.split('/'), 'package.json'));
  const found = text === null ? null : /"version"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  return found ?? null;
}

function versions(): Record<string, string> {
  const own = read(join(packageRoot, 'package.json'));
  const all: Record<string, string> = {
    diptych: /"version"\s*:\s*"([^"]+)"/.exec(own ?? '')?.[1] ?? 'unknown',
  };
  for (const name of ['onnxruntime-node', '@julusian/jpeg-turbo', '@huggingface/tokenizers', 'tinybench']) {
    const found = version(name);
    if (found !== null) all[name] = found;
  }
  return all;
}

/** Starts watching; call the result at the end of the run for the complete description. */
export function watchMachine(): () => Machine {
  const before = { ticks: machineTicks(), own: ownTicks(), load: loadavg()[0] ?? 0 };
  const date = new Date().toISOString();
  return () => {
    const info = native().cpuInfo();
    const { otherLoad, steal } = shares(before.ticks, machineTicks(), ownTicks() - before.own);
    return {
      date,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: native().availableCores(),
      kernel: info.chosen,
      kernels: info.kernels,
      features: info.features,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      os: `${platform()} ${release()} ${arch()}`,
      node: process.version,
      versions: versions(),
      commit: commit(),
      mhz: frequency(),
      governor: read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor')?.trim() ?? null,
      loadBefore: round(before.load),
      loadAfter: round(loadavg()[0] ?? 0),
      otherLoad,
      steal,
      busy:
        (otherLoad ?? before.load / Math.max(cpus().length, 1)) > BUSY_SHARE || (steal ?? 0) > STEAL_SHARE,
    };
  };
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** Shares of the machine's time between two readings, `own` ticks of which were ours. */
export function shares(
  before: Ticks | null,
  after: Ticks | null,
  own: number,
): { readonly otherLoad: number | null; readonly steal: number | null } {
  if (before === null || after === null || after.total <= before.total)
    return { otherLoad: null, steal: null };
  const total = after.total - before.total;
  const other = Math.max(0, after.used - before.used - own);
  return { otherLoad: round(other / total), steal: round((after.steal - before.steal) / total) };
}
