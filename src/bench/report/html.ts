import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { BenchReport } from '../records.js';
import { machineLines, suiteTables, type Table } from './rows.js';
import { charts } from './charts.js';

const require = createRequire(import.meta.url);

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (found) => ESCAPES[found] ?? found);

/** Columns of single numbers, whose digits stand below each other. */
const NUMBERS: ReadonlySet<string> = new Set(['median', 'ratio', 'samples']);

/** Rows of one case stand below its name: repeated in every row it would fill the width of a small screen. */
function table({ head: [, ...head], rows }: Table): string {
  const cells = (tag: string, list: readonly string[]): string =>
    list
      .map((text, at) => {
        const column = head[at] ?? '';
        const classes = NUMBERS.has(column) ? 'number' : tag === 'td' && text === 'no' ? 'warn' : '';
        return `<${tag}${classes === '' ? '' : ` class="${classes}"`}>${escape(text)}</${tag}>`;
      })
      .join('');
  const cases = new Map<string, string[]>();
  for (const [name = '', ...row] of rows)
    cases.set(name, [...(cases.get(name) ?? []), `<tr>${cells('td', row)}</tr>`]);
  const bodies = [...cases].map(
    ([name, lines]) =>
      `<tbody><tr class="case"><th scope="rowgroup" colspan="${String(head.length)}"><span>${escape(name)}</span></th></tr>\n${lines.join('\n')}</tbody>`,
  );
  return `<div class="wide"><table><thead><tr>${cells('th', head)}</tr></thead>\n${bodies.join('\n')}</table></div>`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --paper: #ffffff; --line: #d5dae3; --soft: #5d6878; --warn: #a33a00; --own: #1769c2; --peer: #7d8796; --limit: #b67b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ef; --paper: #14181f; --line: #333b48; --soft: #9aa6b6; --warn: #ffab73; --own: #5aa9ff; --peer: #8b95a5; --limit: #e0b050; }
}
body { margin: 2rem auto; max-width: 90rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
.machine, .absent { color: var(--soft); padding-left: 1.2rem; } .warn { color: var(--warn); font-weight: 600; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: 3px 14px 3px 0; text-align: left; white-space: nowrap; font-variant-numeric: tabular-nums; }
.number { text-align: right; } .case th { padding-top: 14px; } .case span { position: sticky; left: 0; }
.legend { color: var(--soft); font-size: 13px; } .legend b { display: inline-block; width: 0.8em; height: 0.8em; margin: 0 0.4em 0 1em; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: 1.5rem; margin: 1rem 0; }
figure { margin: 0; } figcaption { font-size: 13px; color: var(--soft); }
`;

const LEGEND = `<p class="legend">${[
  ['own', 'Diptych'],
  ['peer', 'other engines'],
  ['limit', 'limits of the machine or of a stage'],
]
  .map(([role = '', what = '']) => `<b style="background:var(--${role})"></b>${what}`)
  .join('')}; medians, with their 95 % intervals as lines</p>`;

/** The script that draws: colours follow the page's scheme and change with it. */
const DRAW = `
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const drawn = [];
const whiskers = (bars) => ({
  id: 'whiskers',
  afterDatasetsDraw(chart) {
    const { ctx, scales: { x } } = chart;
    ctx.save();
    ctx.strokeStyle = ink('--ink');
    ctx.beginPath();
    chart.getDatasetMeta(0).data.forEach(({ y }, i) => {
      const [low, high] = bars[i].interval.map((value) => x.getPixelForValue(value));
      if (high - low < 2) return;
      ctx.moveTo(low, y);
      ctx.lineTo(high, y);
      for (const end of [low, high]) {
        ctx.moveTo(end, y - 3);
        ctx.lineTo(end, y + 3);
      }
    });
    ctx.stroke();
    ctx.restore();
  },
});
const schemes = [matchMedia('(prefers-color-scheme: dark)'), matchMedia('(max-width: 40rem)')];
const LINE = 20;
function wrapped(text) {
  if (!schemes[1].matches) return text;
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = (lines.at(-1) + ' ' + word).trim();
    if (longer.length <= LINE || lines.at(-1) === '') lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
function draw() {
  for (const chart of drawn.splice(0)) chart.destroy();
  for (const { id, unit, bars } of CHARTS) {
    drawn.push(new Chart(document.getElementById(id), {
      type: 'bar',
      data: { labels: bars.map((bar) => wrapped(bar.subject)), datasets: [{ data: bars.map((bar) => bar.value), backgroundColor: bars.map((bar) => ink('--' + bar.role)) }] },
      options: {
        indexAxis: 'y', animation: false, responsive: true, maintainAspectRatio: false,
        plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => bars[item.dataIndex].text } } },
        scales: {
          x: { beginAtZero: true, suggestedMax: Math.max(...bars.map((bar) => bar.interval[1])), title: { display: true, text: unit, color: ink('--soft') }, ticks: { color: ink('--soft') }, grid: { color: ink('--line') } },
          y: { ticks: { color: ink('--ink'), autoSkip: false }, grid: { display: false } },
        },
      },
      plugins: [whiskers(bars)],
    }));
  }
}
draw();
for (const scheme of schemes) scheme.addEventListener('change', draw);
`;

/** The chart library's browser build, or null where it is not installed (it is no dependency of the package). */
async function chartLibrary(): Promise<string | null> {
  try {
    // Its package exports do not name the browser build, which lies beside the entry.
    return await readFile(join(dirname(require.resolve('chart.js')), 'chart.umd.min.js'), 'utf8');
  } catch {
    return null;
  }
}

/** The report as one HTML page that needs nothing from outside: tables, and bars where chart.js is installed. */
export async function htmlReport(report: BenchReport): Promise<string> {
  const library = await chartLibrary();
  const all = charts(report);
  const sections = suiteTables(report).map(({ suite, figures, ratios, absent }) => {
    const own = library === null ? [] : all.filter((chart) => chart.suite === suite);
    const canvases = own.map(
      ({ id, title, bars }) =>
        `<figure><figcaption>${escape(title)}</figcaption><div style="height:${String(60 + 28 * bars.length)}px"><canvas id="${id}"></canvas></div></figure>`,
    );
    const missing = absent.map((line) => `<li>not measured: ${escape(line)}</li>`);
    return [
      `<h2>${escape(suite)}</h2>`,
      canvases.length === 0 ? '' : `<div class="charts">${canvases.join('\n')}</div>`,
      figures.rows.length === 0 ? '' : table(figures),
      ratios === null ? '' : table(ratios),
      missing.length === 0 ? '' : `<ul class="absent">${missing.join('\n')}</ul>`,
    ].join('\n');
  });
  const machine = machineLines(report).map(
    (line) => `<li${/^[A-Z]{4,} /.test(line) ? ' class="warn"' : ''}>${escape(line)}</li>`,
  );
  const data = JSON.stringify(all).replaceAll('<', '\\u003c');
  const script =
    library === null ? '' : `<script>${library}</script>\n<script>const CHARTS = ${data};${DRAW}</script>`;
  const note =
    library === null ? '<p class="warn">No charts: run <code>npm install chart.js</code> for them.</p>' : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Diptych benchmarks</title><style>${STYLE}</style></head><body>
<h1>Diptych benchmarks</h1>
<ul class="machine">${machine.join('\n')}</ul>${note}
${library === null ? '' : LEGEND}
${sections.join('\n')}
${script}
</body></html>
`;
}
