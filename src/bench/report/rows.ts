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

function figureRow(result: BenchResult): string[] {
  return [
    result.case,
    result.subject,
    number(result.median),
    result.unit,
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
    const results = report.results.filter((entry) => entry.suite === suite);
    const ratios = report.ratios.filter((entry) => entry.suite === suite);
    return {
      suite,
      figures: {
        title: suite,
        head: ['case', 'subject', 'median', 'unit', '95 % interval', 'range', 'samples', 'check'],
        rows: results.map(figureRow),
      },
      ratios:
        ratios.length === 0
          ? null
          : {
              title: `${suite}: ratios`,
              head: ['case', 'what', 'of / over', 'ratio', '95 % interval', 'bar', 'met'],
              rows: ratios.map(ratioRow),
            },
      absent: absences(report.absent.filter((entry) => entry.suite === suite)),
    };
  });
}

/** The machine, in lines. */
export function machineLines(report: BenchReport): string[] {
  const { machine, settings } = report;
  const load = machine.otherLoad === null ? `load ${String(machine.loadBefore)}` : `${percent(machine.otherLoad)} of it used by others`;
  const steal = machine.steal === null ? '' : `, ${percent(machine.steal)} stolen by the host`;
  const lines = [
    `${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGb)} GB, ${machine.os}, Node.js ${machine.node}`,
    `kernels: ${machine.kernel} (of ${machine.kernels.join(', ')}); ${Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`).join(', ')}`,
    `${machine.date}, commit ${machine.commit ?? 'unknown'}; ${machine.mhz === null ? 'frequency unknown' : `${String(machine.mhz)} MHz`}${machine.governor === null ? '' : ` (${machine.governor})`}; ${load}${steal}`,
  ];
  if (machine.busy) lines.push('BUSY MACHINE: other work ran on these cores; trust the ratios, not the figures');
  if (settings.smoke) lines.push('SMOKE RUN: one sample each, for correctness only; the figures mean nothing');
  return lines;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
