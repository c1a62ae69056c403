import Table from 'cli-table3';

/** Cuts a text in the middle, so that both ends of a path stay readable. */
export function shorten(text: string, length: number): string {
  const clean = text.replace(/\s+/g, ' ');
  if (clean.length <= length) return clean;
  const tail = Math.ceil((length - 1) / 2);
  return `${clean.slice(0, length - 1 - tail)}…${clean.slice(clean.length - tail)}`;
}

/** Rows that are drawn in boxes at most: beyond it they would take seconds to draw. */
const MOST_BOXED = 1000;

/** A plain table without colours: it may end up in a file. A long one has columns only, no boxes. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = head.map((_, column) => {
    const numeric = rows.length > 0 && rows.every((row) => /^[-\d.,%]*$/.test(row[column] ?? ''));
    return numeric ? ('right' as const) : ('left' as const);
  });
  if (rows.length > MOST_BOXED) return columns([head, ...rows], right);
  const drawn = new Table({ head: [...head], colAligns: right, style: { head: [], border: [] } });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString();
}

function columns(lines: readonly (readonly string[])[], aligned: readonly ('left' | 'right')[]): string {
  const widths = aligned.map((_, column) =>
    lines.reduce((most, cells) => Math.max(most, cells[column]?.length ?? 0), 0),
  );
  const padded = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return aligned[column] === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return lines.map(padded).join('\n');
}

/** A score with three digits, aligned whatever its sign. */
export function score(value: number, digits = 3): string {
  return value.toFixed(digits);
}
