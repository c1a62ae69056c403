import Table from 'cli-table3';

/** Cuts a text in the middle, so that both ends of a path stay readable. */
export function shorten(text: string, length: number): string {
  const clean = text.replace(/\s+/g, ' ');
  if (clean.length <= length) return clean;
  const tail = Math.ceil((length - 1) / 2);
  return `${clean.slice(0, length - 1 - tail)}…${clean.slice(clean.length - tail)}`;
}

/** A plain table without colours: it may end up in a file. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = head.map((_, column) =>
    rows.length > 0 && rows.every((row) => /^[-\d.,%]*$/.test(row[column] ?? ''))
      ? ('right' as const)
      : ('left' as const),
  );
  const drawn = new Table({ head: [...head], colAligns: right, style: { head: [], border: [] } });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString();
}

/** A score with three digits, aligned whatever its sign. */
export function score(value: number, digits = 3): string {
  return value.toFixed(digits);
}
