import { DiptychError } from '../../errors.js';
import type { BenchReport, BenchResult } from '../records.js';
import { pairedRatio, type Interval } from '../statistics.js';
import { interval, number, ratio } from './format.js';

/** What a link's title asks of a record, after the case's name and a colon. */
const ASKED =
  /^(?<of>.+?)(?: \/ (?<over>.+?)| as a share of (?<limit>.+?))?(?<part>, interval|, range|, check)?$/;

const span = ([low, high]: Interval): string => `${ratio(low)} to ${ratio(high)}`;

/** The ratio of two subjects: as the record tells it, else from the samples of the same rounds. */
function ratioOf(
  report: BenchReport,
  of: BenchResult,
  over: BenchResult,
  kind: 'ratio' | 'share',
): { readonly value: number; readonly interval: Interval } | null {
  const told = report.ratios.find(
    (one) => one.kind === kind && one.case === of.case && one.of === of.subject && one.over === over.subject,
  );
  if (told !== undefined) return told;
  return of.unit === over.unit ? pairedRatio(of.values, over.values) : null;
}

function figureOf(report: BenchReport, ofCase: readonly BenchResult[], asked: string): string | null {
  const bySubject = (name: string | undefined): BenchResult | undefined =>
    ofCase.find(({ subject }) => subject === name);
  // Names of subjects have commas of their own: the whole is tried before its parts.
  const whole = bySubject(asked);
  if (whole !== undefined) return number(whole.median);
  const { of: first, over, limit, part } = ASKED.exec(asked)?.groups ?? {};
  const of = bySubject(first);
  if (of === undefined) return null;
  const second = over ?? limit;
  if (second !== undefined) {
    const other = bySubject(second);
    const found =
      other === undefined ? null : ratioOf(report, of, other, over === undefined ? 'share' : 'ratio');
    if (found === null || part === ', check' || part === ', range') return null;
    return part === undefined ? ratio(found.value) : span(found.interval);
  }
  if (part === ', interval') return interval(of.interval);
  if (part === ', range') return interval([of.min, of.max]);
  return part === ', check' ? of.check : null;
}

/**
 * The figure that `title` names in a record, as pages print it: `CASE: SUBJECT` is a median, `CASE: A / B` a ratio of
 * the record (or, where it has none, of the samples), `CASE: A as a share of LIMIT` a share; with `, interval`,
 * `, range` or `, check` behind it what the tables say there.
 *
 * @throws DiptychError BAD_INPUT where the record has no such figure.
 */
export function recordedFigure(report: BenchReport, title: string, page: string): string {
  const cases = new Map<string, BenchResult[]>();
  for (const one of report.results) cases.set(one.case, [...(cases.get(one.case) ?? []), one]);
  for (const [name, ofCase] of cases) {
    if (!title.startsWith(`${name}: `)) continue;
    const figure = figureOf(report, ofCase, title.slice(name.length + 2));
    if (figure !== null) return figure;
  }
  throw new DiptychError('BAD_INPUT', `names a figure that its record does not have: "${title}"`, {
    input: page,
  });
}
