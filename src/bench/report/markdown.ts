import { readFile, writeFile } from 'node:fs/promises';
import { DiptychError } from '../../errors.js';
import type { BenchReport } from '../records.js';
import { machineLines, suiteTables, type Table } from './rows.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;

export function markdownTable({ head, rows }: Table): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** The report as Markdown: machine, then per suite its figures, its ratios and who is absent. */
export function markdownReport(report: BenchReport, source: string): string {
  const parts = [
    `From \`${source}\`:\n`,
    ...machineLines(report).map((line) => `- ${line}`),
    '',
    ...suiteTables(report).flatMap(({ suite, figures, ratios, absent }) => [
      `### ${suite}\n`,
      ...(figures.rows.length === 0 ? [] : [markdownTable(figures), '']),
      ...(ratios === null ? [] : [markdownTable(ratios), '']),
      ...absent.map((line) => `- not measured: ${line}`),
      ...(absent.length === 0 ? [] : ['']),
    ]),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

/** Only the ratios, for places where the whole would be too much. */
export function markdownRatios(report: BenchReport, source: string): string {
  const tables = suiteTables(report).flatMap(({ ratios }) => (ratios === null ? [] : [ratios]));
  const rows = tables.flatMap((one) =>
    one.rows.map((cells) => [one.title.replace(': ratios', ''), ...cells]),
  );
  const head = ['suite', ...(tables[0]?.head ?? [])];
  const machine = machineLines(report).map((line) => `- ${line}`);
  return [`From \`${source}\`:`, '', ...machine, '', markdownTable({ title: '', head, rows }), ''].join('\n');
}

/**
 * Puts `text` between the lines `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` of a Markdown file; a mention of them
 * within a line is none. Throws BAD_INPUT where the file has no such lines.
 */
export async function fillMarkers(file: string, name: string, text: string): Promise<void> {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const page = await readFile(file, 'utf8');
  const lines = page.split('\n');
  const start = lines.indexOf(open);
  const end = lines.indexOf(close, start);
  if (start < 0 || end < 0) {
    throw new DiptychError('BAD_INPUT', `has no lines ${open} and ${close} to put the tables between`, {
      input: file,
    });
  }
  await writeFile(file, [...lines.slice(0, start + 1), text.trimEnd(), '', ...lines.slice(end)].join('\n'));
}
