import type { BenchAbsence, BenchRatio, BenchReport, BenchResult } from '../records.js';
import { bar, interval, number, ratio, verdict } from './format.js';

/** The tables of a report as text, whatever they are drawn with: terminal, Markdown, HTML. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface SuiteTables {
  readonly suite: string;
  readonly figures: Table;
  readonly ratios: Table | null;
  readonly absent: readonly string[];
}

/** "82 % of fp32 peak": what a figure is worth on this machine. */
function shareOf(result: BenchResult, ratios: readonly BenchRatio[]): string {
  return ratios
    .filter((one) => one.kind === 'share' && one.case === result.case && one.of === result.subject)
    .map((one) => `${number(100 * one.value)} % of ${one.over}`)
    .join('; ');
}

function figureRow(result: BenchResult, ratios: readonly BenchRatio[]): string[] {
  return [
    result.case,
    result.subject,
    number(result.median),
    result.unit,
    shareOf(result, ratios),
    interval(result.interval),
    `${number(result.min)} to ${number(result.max)}`,
    String(result.samples),
    result.check,
  ];
}

function ratioRow(one: BenchRatio): string[] {
  const [low, high] = one.interval;
  return [
    one.case,
    one.text,
    `${one.of} / ${one.over}`,
    ratio(one.value),
    `${ratio(low)} to ${ratio(high)}`,
    bar(one),
    verdict(one.met),
  ];
}

/** "faiss: not installed (3 cases)": one line for each reason. */
function absences(list: readonly BenchAbsence[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { subject, reason, kind, case: name } of list) {
    const key = `${subject} (${kind}): ${reason}`;
    byReason.set(key, [...(byReason.get(key) ?? []), name]);
  }
  return [...byReason].map(([key, cases]) => `${key} [${cases.join('; ')}]`);
}

/** One group of tables per suite, in the order of the run. */
export function suiteTables(report: BenchReport): SuiteTables[] {
  const all = [...report.results, ...report.absent];
  const names = [...new Set(all.map((entry) => entry.suite))];
  return names.map((suite) => {
    const results = report.results.filter((entry) => entry.suite === suite && entry.role !== 'control');
    const ratios = report.ratios.filter((entry) => entry.suite === suite);
    // Shares stand beside the figures; here only those that the project holds itself to.
    const told = ratios.filter((one) => one.kind === 'ratio' || one.atLeast !== undefined);
    return {
      suite,
      figures: {
        title: suite,
        head: [
          'case',
          'subject',
          'median',
          'unit',
          'share of the limit',
          '95 % interval',
          'range',
          'samples',
          'check',
        ],
        rows: results.map((result) => figureRow(result, ratios)),
      },
      ratios:
        told.length === 0
          ? null
          : {
              title: `${suite}: ratios`,
              head: ['case', 'what', 'of / over', 'ratio', '95 % interval', 'bar', 'met'],
              rows: told.map(ratioRow),
            },
      absent: absences(report.absent.filter((entry) => entry.suite === suite)),
    };
  });
}

/** The machine, in lines. */
export function machineLines(report: BenchReport): string[] {
  const { machine, settings } = report;
  const load =
    machine.otherLoad === null
      ? `load ${String(machine.loadBefore)}`
      : `${percent(machine.otherLoad)} of it used by others`;
  const steal = machine.steal === null ? '' : `, ${percent(machine.steal)} stolen by the host`;
  const lines = [
    `${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGb)} GB, ${machine.os}, Node.js ${machine.node}`,
    `kernels: ${machine.kernel} (of ${machine.kernels.join(', ')}); ${Object.entries(machine.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `${machine.date}, commit ${machine.commit ?? 'unknown'}; ${machine.mhz === null ? 'frequency unknown' : `${String(machine.mhz)} MHz`}${machine.governor === null ? '' : ` (${machine.governor})`}; ${load}${steal}`,
  ];
  if (machine.busy)
    lines.push('BUSY MACHINE: other work ran on these cores; trust the ratios, not the figures');
  if (settings.smoke)
    lines.push('SMOKE RUN: one sample each, for correctness only; the figures mean nothing');
  return lines;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
