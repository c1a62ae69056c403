/** Code points as [first, last] runs in ascending order. */
export type Runs = readonly (readonly [number, number])[];

const LAST = 0x10ffff;

/** Reads "2k.p 4": the gap to a run's start and, after the point, its length less one, in base 36. */
export function unpack(packed: string): Runs {
  let at = 0;
  return packed.split(' ').map((part): [number, number] => {
    const [gap = '', more = '0'] = part.split('.');
    const start = at + Number.parseInt(gap, 36);
    at = start + Number.parseInt(more, 36);
    return [start, at];
  });
}

/** All other code points. */
export function complement(runs: Runs): Runs {
  const out: [number, number][] = [];
  let next = 0;
  for (const [start, end] of runs) {
    if (start > next) out.push([next, start - 1]);
    next = end + 1;
  }
  if (next <= LAST) out.push([next, LAST]);
  return out;
}

/** Code points that are in an odd number of the sets: a set and what differs from it. */
export function either(...sets: readonly Runs[]): Runs {
  const edges = new Map<number, number>();
  for (const [start, end] of sets.flat()) {
    edges.set(start, (edges.get(start) ?? 0) + 1);
    edges.set(end + 1, (edges.get(end + 1) ?? 0) + 1);
  }
  const out: [number, number][] = [];
  let start = -1;
  for (const [at, count] of [...edges].sort((a, b) => a[0] - b[0])) {
    if (count % 2 === 0) continue;
    if (start < 0) start = at;
    else {
      out.push([start, at - 1]);
      start = -1;
    }
  }
  return out;
}

/** Code points that are in any of the sets. */
export function union(...sets: readonly Runs[]): Runs {
  const out: [number, number][] = [];
  for (const [start, end] of sets.flat().sort((a, b) => a[0] - b[0])) {
    const last = out[out.length - 1];
    if (last !== undefined && start <= last[1] + 1) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
}

/**
 * What stands between the brackets of a class with the u flag. Characters stand for themselves: V8 leaves patterns of
 * more than 20 KB to its interpreter.
 */
export function classOf(runs: Runs): string {
  return runs
    .map(([start, end]) => (start === end ? literal(start) : `${literal(start)}-${literal(end)}`))
    .join('');
}

function literal(point: number): string {
  const plain = point > 0x7f || (point >= 0x30 && point <= 0x39) || (point >= 0x41 && point <= 0x5a);
  const safe = (plain || (point >= 0x61 && point <= 0x7a)) && !(point >= 0xd7ff && point <= 0xe000);
  // Line separators end a line of source text, and a surrogate by itself would join its neighbour.
  return safe && point !== 0x2028 && point !== 0x2029
    ? String.fromCodePoint(point)
    : `\\u{${point.toString(16)}}`;
}
