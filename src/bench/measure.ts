import { join } from 'node:path';
import { Bench, type Task } from 'tinybench';
import { throwIfAborted } from '../errors.js';
import { compareOutputs, readOutput, type LoadedOutput } from './check.js';
import { AbsentError, type Host } from './host.js';
import type { HostPool } from './host-pool.js';
import { meets, type BenchAbsence, type BenchRatio, type BenchResult, type CaseResult } from './records.js';
import type { RunReply } from './protocol.js';
import { referenceLoop } from './limits.js';
import { stolenSeconds } from './machine.js';
import { median, medianInterval, pairedRatio, quantile } from './statistics.js';
import type { Bar, BenchSettings, CasePlan, LimitPlan, SubjectPlan } from './types.js';

/** A subject whose host runs and whose job is open. */
interface Opened {
  readonly plan: SubjectPlan;
  readonly host: Host;
  readonly handle: number;
  readonly settings: string;
  check: string;
  iterations: number;
  /** Seconds per iteration, or the job's own values, one per sample. */
  readonly samples: number[];
  /** CPU seconds of an iteration, one per sample, where the host tells them. */
  readonly cpu: number[];
  spent: number;
  retaken: number;
}

/** Longest that one subject is measured for (or as long as was asked for), with at least this many samples by then. */
const ENOUGH_SECONDS = 5;
const ENOUGH_SAMPLES = 3;

/** Share of a sample that the hypervisor may give to others before the sample is taken again ... */
const STOLEN_SHARE = 0.03;
/** ... at most this often, and this often for all samples of a subject, and only where that costs little. */
const RETAKES = 4;
const ALL_RETAKES = 20;
const RETAKEN_SECONDS = 2;

/**
 * Runs one case: opens every subject, compares their results, warms them up, then takes one sample of each in
 * turn (A B C A B C ...) until all have enough. What is not installed is reported as absent.
 */
export async function measureCase(
  plan: CasePlan,
  settings: BenchSettings,
  hosts: HostPool,
  signal: AbortSignal | undefined,
): Promise<CaseResult> {
  const absent: BenchAbsence[] = (plan.leftOut ?? []).map((one) => ({
    suite: plan.suite,
    case: plan.name,
    ...one,
    kind: 'absent',
  }));
  const leaveOut = (subject: string, thrown: unknown): void => {
    absent.push({
      suite: plan.suite,
      case: plan.name,
      subject,
      reason: thrown instanceof Error ? thrown.message : String(thrown),
      kind: thrown instanceof AbsentError ? 'absent' : 'failed',
      ...(plan.subjects.some(({ name, role }) => name === subject && role === 'peer')
        ? ({ role: 'peer' } as const)
        : {}),
    });
  };

  if (plan.subjects.length === 0) return { results: [], ratios: [], absent };
  const opened: Opened[] = [];
  const subjects = plan.quantity === 'value' ? plan.subjects : [...plan.subjects, referenceLoop];
  for (const subject of subjects) {
    if (subject.role === 'peer' && !settings.peers) continue;
    throwIfAborted(signal);
    try {
      const host = await hosts.get(subject.host);
      const job = await host.open(subject.job, subject.params);
      opened.push({
        plan: subject,
        host,
        ...job,
        check: '',
        iterations: 1,
        samples: [],
        cpu: [],
        spent: 0,
        retaken: 0,
      });
    } catch (thrown) {
      leaveOut(subject.name, thrown);
    }
  }
  try {
    const sound = await checkAll(plan, opened, settings.scratch, leaveOut);
    await warmUp(plan, sound, settings, signal, leaveOut);
    await sampleInTurn(plan, sound, settings, signal);
    return {
      results: sound.map((one) => result(plan, one)),
      ratios: ratiosOf(plan, sound, settings.smoke),
      absent,
    };
  } finally {
    for (const one of opened) await one.host.closeJob(one.handle).catch(() => undefined);
  }
}

const isControl = (one: Opened): boolean => one.plan.role === 'control';

/** Whether samples are turned into units of work a second. */
const isRate = (plan: CasePlan, one: Opened): boolean => plan.quantity === 'rate' || isControl(one);

const clock = (reply: RunReply): number => reply.wall ?? reply.seconds;

type LeaveOut = (subject: string, thrown: unknown) => void;

/** The subjects that may be timed: those whose result is right, or need not be. */
async function checkAll(
  plan: CasePlan,
  opened: readonly Opened[],
  scratch: string,
  leaveOut: LeaveOut,
): Promise<Opened[]> {
  const { check } = plan;
  if (check === null) return [...opened];
  const outputs = new Map<string, LoadedOutput>();
  const sound: Opened[] = [];
  for (const one of opened) {
    if (one.plan.expect === 'skip' && one.plan.name !== check.reference) {
      sound.push(one);
      continue;
    }
    try {
      const file = join(scratch, 'output.bin');
      outputs.set(one.plan.name, await readOutput(file, await one.host.output(one.handle, file)));
      sound.push(one);
    } catch (thrown) {
      leaveOut(one.plan.name, thrown);
    }
  }
  const reference = outputs.get(check.reference);
  return sound.filter((one) => {
    const output = outputs.get(one.plan.name);
    if (output === undefined) return true;
    if (reference === undefined) {
      one.check = `not checked: ${check.reference} is absent`;
      return true;
    }
    const verdict = compareOutputs(check, reference, output);
    one.check = one.plan.name === check.reference ? 'reference' : verdict.note;
    if (verdict.same || one.plan.expect !== 'same') return true;
    leaveOut(one.plan.name, new Error(`its result differs from that of ${check.reference}: ${verdict.note}`));
    return false;
  });
}

/** Runs each subject until its sample is long enough, and drops those that fail. */
async function warmUp(
  plan: CasePlan,
  subjects: Opened[],
  settings: BenchSettings,
  signal: AbortSignal | undefined,
  leaveOut: LeaveOut,
): Promise<void> {
  for (const one of [...subjects]) {
    throwIfAborted(signal);
    try {
      await one.host.run(one.handle, 1);
      if (!isRate(plan, one) || settings.smoke) continue;
      // The first run pays for pages and caches: samples are sized by the second, then by a whole sample.
      for (let pass = 0; pass < 2; pass++) {
        const took = clock(await one.host.run(one.handle, one.iterations)) / one.iterations;
        one.iterations = Math.max(1, Math.ceil(settings.sampleMs / 1000 / Math.max(took, 1e-7)));
        if (one.iterations === 1) break;
      }
    } catch (thrown) {
      leaveOut(one.plan.name, thrown);
      subjects.splice(subjects.indexOf(one), 1);
    }
  }
}

function hasEnough(plan: CasePlan, one: Opened, settings: BenchSettings): boolean {
  const count = one.samples.length;
  if (plan.maxSamples !== undefined && count >= plan.maxSamples) return true;
  if (count >= settings.minSamples && one.spent >= settings.seconds) return true;
  return one.spent >= Math.max(ENOUGH_SECONDS, settings.seconds) && count >= ENOUGH_SAMPLES;
}

/** One sample of each subject in turn, so that what slows the machine for a while slows all of them. */
async function sampleInTurn(
  plan: CasePlan,
  subjects: readonly Opened[],
  settings: BenchSettings,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, retainSamples: true, throws: true });
  const tasks = new Map<Opened, Task>();
  for (const one of subjects) {
    bench.add(one.plan.name, async () => {
      const reply = await one.host.run(one.handle, one.iterations);
      one.spent += clock(reply);
      if (reply.cpu !== undefined) one.cpu.push(reply.cpu / one.iterations);
      const own = plan.quantity === 'value' ? (reply.value ?? Number.NaN) : reply.seconds / one.iterations;
      return { overriddenDuration: own };
    });
    const task = bench.tasks.at(-1);
    if (task !== undefined) tasks.set(one, task);
  }
  for (;;) {
    const waiting = subjects.filter((one) => !isControl(one) && !hasEnough(plan, one, settings));
    if (waiting.length === 0) return;
    // Every round has its sample of the reference loop.
    for (const one of [...waiting, ...subjects.filter(isControl)]) {
      throwIfAborted(signal);
      one.samples.push(...(await undisturbed(one, () => sampleOnce(tasks.get(one)))));
    }
  }
}

/** A sample that was not stolen from: one that was says how busy the hypervisor is, not how fast the subject. */
async function undisturbed(
  one: Opened,
  sample: () => Promise<readonly number[]>,
): Promise<readonly number[]> {
  for (let left = RETAKES; ; left--) {
    const { spent } = one;
    const stolen = stolenSeconds();
    const found = await sample();
    const took = one.spent - spent;
    if (stolenSeconds() - stolen <= STOLEN_SHARE * took) return found;
    if (left === 0 || one.retaken === ALL_RETAKES || took > RETAKEN_SECONDS) return found;
    one.spent = spent;
    one.cpu.length = Math.min(one.cpu.length, one.samples.length);
    one.retaken++;
  }
}

/** Runs a task anew (Tinybench keeps the result of a task until it is reset). */
async function sampleOnce(task: Task | undefined): Promise<readonly number[]> {
  task?.reset();
  await task?.run();
  const outcome = task?.result;
  if (outcome?.state === 'completed') return outcome.latency.samples ?? [];
  throw new Error(`no sample of ${task?.name ?? 'an unknown subject'} was taken`);
}

/** Samples in the unit of the table. */
function valuesOf(plan: CasePlan, one: Opened): number[] {
  if (!isRate(plan, one)) return one.samples;
  const work = one.plan.work ?? plan.work;
  return one.samples.map((seconds) => work / seconds);
}

function result(plan: CasePlan, one: Opened): BenchResult {
  const values = valuesOf(plan, one);
  const middle = median(values);
  return {
    suite: plan.suite,
    case: plan.name,
    subject: one.plan.name,
    role: one.plan.role,
    value: middle,
    unit: one.plan.unit ?? plan.unit,
    better: isRate(plan, one) ? 'higher' : 'lower',
    min: quantile(values, 0),
    median: middle,
    max: quantile(values, 1),
    interval: medianInterval(values),
    samples: values.length,
    values: values.map((value) => Number(value.toPrecision(7))),
    ...(one.cpu.length === 0 ? {} : { cpu: one.cpu.map((value) => Number(value.toPrecision(7))) }),
    ...(one.retaken === 0 ? {} : { retaken: one.retaken }),
    check: one.check,
    settings: one.settings,
    versions: one.host.versions,
  };
}

function ratiosOf(plan: CasePlan, subjects: readonly Opened[], smoke: boolean): BenchRatio[] {
  const valuesBy = new Map(subjects.map((one) => [one.plan.name, valuesOf(plan, one)]));
  const ratios: BenchRatio[] = [];
  type Wanted = Omit<Bar, 'quantity'> & Pick<BenchRatio, 'kind'>;
  const add = (bar: Wanted, top: readonly number[], bottom: readonly number[]): void => {
    const { value, interval } = pairedRatio(top, bottom);
    const { kind, text, of, over } = bar;
    const limits = {
      ...(bar.atLeast === undefined ? {} : { atLeast: bar.atLeast }),
      ...(bar.atMost === undefined ? {} : { atMost: bar.atMost }),
    };
    // One sample of a shrunken case says nothing about a bar.
    const met = smoke ? null : meets(value, bar);
    const where = { suite: plan.suite, case: plan.name };
    ratios.push({ ...where, kind, text, of, over, value, interval, ...limits, met });
  };

  for (const bar of plan.bars) {
    const [of, over] = [valuesBy.get(bar.of), valuesBy.get(bar.over)];
    if (of === undefined || over === undefined) continue;
    // Values of a rate case are rates: the time ratio is their inverse.
    const wanted: Wanted = { ...bar, kind: 'ratio' };
    if ((bar.quantity === 'time') === (plan.quantity === 'rate')) add(wanted, over, of);
    else add(wanted, of, over);
  }
  for (const limit of plan.limits) {
    for (const { plan: subject } of subjects) {
      const wanted = limit.of?.includes(subject.name) ?? limit.except?.includes(subject.name) !== true;
      if (wanted && subject.role !== 'limit' && subject.role !== 'control') addShare(limit, subject.name);
    }
  }
  return ratios;

  function addShare(limit: LimitPlan, of: string): void {
    const [own, most] = [valuesBy.get(of), valuesBy.get(limit.subject)];
    if (own === undefined || most === undefined) return;
    const scaled = own.map((value) => value * limit.cost);
    const least = limit.atLeast?.[of];
    const { text, subject: over } = limit;
    add({ kind: 'share', text, of, over, ...(least === undefined ? {} : { atLeast: least }) }, scaled, most);
  }
}
