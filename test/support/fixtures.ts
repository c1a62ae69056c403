import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The fixtures in the repository. */
export const local = join(root, 'test', 'fixtures');

/** The whole set of parity fixtures where it is at hand (DIPTYCH_FIXTURES, or beside the checkout), else the local part. */
export const whole = [process.env['DIPTYCH_FIXTURES'] ?? '', join(root, '..', 'shared', 'fixtures')].find(
  (folder) => folder !== '' && existsSync(join(folder, 'images')),
);

/** Roots to run a parity test over: always the local fixtures, and the whole set where there is one. */
export const roots: readonly (readonly [name: string, folder: string])[] = [
  ['the fixtures of the repository', local],
  ...(whole === undefined ? [] : [['the whole set of fixtures', whole] as const]),
];

/** Folder of one fixture of a kind, from the whole set or the repository. */
export function find(...parts: string[]): string {
  const candidates = [whole, local].flatMap((folder) =>
    folder === undefined ? [] : [join(folder, ...parts)],
  );
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no fixture ${parts.join('/')}`);
  return found;
}

export function folders(root: string, kind: string): string[] {
  const folder = join(root, kind);
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
