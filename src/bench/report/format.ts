/** Three significant digits, with thousands grouped: 12,300 | 1.23 | 0.0123. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? rounded.toLocaleString('en-US') : String(rounded);
}

export function interval([low, high]: readonly [number, number]): string {
  return `${number(low)} to ${number(high)}`;
}

/** A ratio: two digits after the point, three significant digits above ten. */
export function ratio(value: number): string {
  return Math.abs(value) >= 10 ? number(value) : value.toFixed(2);
}

export function bar({ atLeast, atMost }: { readonly atLeast?: number; readonly atMost?: number }): string {
  if (atLeast !== undefined) return `>= ${String(atLeast)}`;
  return atMost === undefined ? '' : `<= ${String(atMost)}`;
}

export function verdict(met: boolean | null): string {
  if (met === null) return '';
  return met ? 'yes' : 'no';
}
