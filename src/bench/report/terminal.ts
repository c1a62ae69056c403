import Table from 'cli-table3';
import type { BenchReport } from '../records.js';
import { machineLines, suiteTables, type Table as Rows } from './rows.js';

function draw({ title, head, rows }: Rows): string {
  const drawn = new Table({ head: [...head], style: { head: [], border: [] } });
  for (const cells of rows) drawn.push([...cells]);
  return `${title}\n${drawn.toString()}`;
}

/** The report for a terminal. */
export function terminalReport(report: BenchReport): string {
  const parts = [machineLines(report).join('\n')];
  for (const { figures, ratios, absent } of suiteTables(report)) {
    if (figures.rows.length > 0) parts.push(draw(figures));
    if (ratios !== null) parts.push(draw(ratios));
    if (absent.length > 0) parts.push(absent.map((line) => `not measured: ${line}`).join('\n'));
  }
  return `${parts.join('\n\n')}\n`;
}
