import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DiptychError } from '../errors.js';
import { FAILURES_FILE, RUN_FILE } from '../output/layout.js';

/** A row of a pool that lacks what a command needs. */
export interface IncompleteRow {
  readonly index: number;
  readonly message: string;
}

export const FAILURES_HELP =
  'where rows that lack what is needed are listed (default: failures.jsonl beside --out)';

/**
 * Where the rows that could not be used are listed: the file asked for, or failures.jsonl beside the output. Throws
 * OUTPUT_EXISTS where that is the list of an `embed` run, which `--resume` reads.
 */
export function failuresFile(asked: string | null, out: string): string {
  if (asked !== null) return asked;
  const folder = dirname(out);
  const file = join(folder, FAILURES_FILE);
  if (!existsSync(join(folder, RUN_FILE))) return file;
  throw new DiptychError(
    'OUTPUT_EXISTS',
    'it belongs to the embeddings there: name another with --failures',
    {
      input: file,
    },
  );
}

/** Lists the rows as `embed` does, one JSON object a line; an empty file where all was well. */
export async function writeFailures(file: string, rows: readonly IncompleteRow[]): Promise<void> {
  const { writeFileAtomic } = await import('../output/atomic.js');
  const lines = rows.map(({ index, message }) => {
    const failure = { input: `row ${String(index)}`, stage: 'read', code: 'BAD_INPUT', message };
    return `${JSON.stringify(failure)}\n`;
  });
  await writeFileAtomic(file, lines.join(''));
}
