import type { BenchReport } from '../records.js';
import type { Role } from '../types.js';
import { interval, number } from './format.js';

export interface Chart {
  /** Of the canvas element. */
  readonly id: string;
  readonly suite: string;
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly {
    readonly subject: string;
    readonly role: Role;
    readonly value: number;
    readonly interval: readonly [low: number, high: number];
    /** What the tooltip says. */
    readonly text: string;
  }[];
}

/** One bar chart per case; limits in another unit than the case's own stay out of it. */
export function charts(report: BenchReport): Chart[] {
  const cases = new Map<string, typeof report.results>();
  for (const result of report.results.filter(({ role }) => role !== 'control')) {
    const name = `${result.suite}\n${result.case}\n${result.unit}`;
    cases.set(name, [...(cases.get(name) ?? []), result]);
  }
  const all = [...cases.values()].map((results, index): Chart => {
    const [first] = results;
    return {
      id: `chart-${String(index)}`,
      suite: first?.suite ?? '',
      title: first?.case ?? '',
      unit: first?.unit ?? '',
      bars: results.map(({ subject, role, median, unit, interval: range }) => ({
        subject,
        role,
        value: median,
        interval: range,
        text: `${number(median)} ${unit} (${interval(range)})`,
      })),
    };
  });
  return all.filter(({ bars }) => bars.some(({ role }) => role !== 'limit') || bars.length > 1);
}
