import { closeSync } from 'node:fs';
import { access, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DiptychError, systemCode } from '../errors.js';
import { makeFolder } from '../folders.js';
import { native } from '../native/load.js';
import { outputError, TEMPORARY } from '../output/atomic.js';
import { FAILURES_FILE, FOLDERS, RUN_FILE } from '../output/layout.js';
import { readRun, type RunIdentity, type RunState } from '../output/run-file.js';

/** What to do with a folder that is not empty. */
export type Existing = 'refuse' | 'resume' | 'overwrite';

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return [];
    throw outputError(cause, folder);
  }
}

/**
 * Makes the folder where it is not there, and keeps other runs out of it until the answer is called. The lock ends with
 * the process, so that what is killed can be resumed at once. Throws OUTPUT_BUSY, OUTPUT_FAILED.
 */
export async function lockOutput(folder: string): Promise<() => void> {
  await makeFolder(folder).catch((cause: unknown) => {
    throw outputError(cause, folder);
  });
  const descriptor = native().lockFolder(folder);
  if (descriptor === null) {
    throw new DiptychError(
      'OUTPUT_BUSY',
      'another run is writing to this folder: wait until it has ended, or give another --out',
      { input: folder },
    );
  }
  return () => {
    if (descriptor >= 0) closeSync(descriptor);
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names of the keys in which two identities differ; the options by their own names. */
function differences(before: RunIdentity, now: RunIdentity): string[] {
  return Object.keys(now).flatMap((key) => {
    const [then, today] = [before[key], now[key]];
    if (JSON.stringify(then) === JSON.stringify(today)) return [];
    return key === 'options' && isObject(then) && isObject(today) ? differences(then, today) : [key];
  });
}

/** Takes away what a killed run left beside its whole parts. Throws OUTPUT_INVALID where one of those has gone. */
async function removeLeftovers(folder: string, state: RunState): Promise<void> {
  const whole = new Set(state.parts.flatMap(({ files }) => files));
  const present = new Set<string>();
  for (const name of FOLDERS) {
    for (const file of await entries(path.join(folder, name))) present.add(`${name}/${file}`);
  }
  const gone = [...whole].find((file) => !present.has(file));
  if (gone !== undefined) {
    throw new DiptychError(
      'OUTPUT_INVALID',
      `is missing, though ${RUN_FILE} tells of it; bring it back, or start again with --overwrite`,
      { input: path.join(folder, gone) },
    );
  }
  for (const file of present) {
    if (!whole.has(file)) await rm(path.join(folder, file), { force: true });
  }
  await rm(path.join(folder, `${RUN_FILE}${TEMPORARY}`), { force: true });
  const failures = path.join(folder, FAILURES_FILE);
  await truncate(failures, state.failuresBytes).catch(async (cause: unknown) => {
    if (state.failuresBytes > 0) {
      throw new DiptychError('OUTPUT_INVALID', 'is missing or cannot be cut; start again with --overwrite', {
        cause,
        input: failures,
      });
    }
    await writeFile(failures, '');
  });
}

/**
 * That the folder is still the one that the run has begun in: removed, moved or unmounted, another of its name would be
 * made for the parts to come, without the earlier ones. Its run.json tells. Throws OUTPUT_FAILED.
 */
export async function checkOutput(folder: string): Promise<void> {
  await access(path.join(folder, RUN_FILE)).catch((cause: unknown) => {
    if (systemCode(cause) !== 'ENOENT' && systemCode(cause) !== 'ENOTDIR') throw outputError(cause, folder);
    throw new DiptychError(
      'OUTPUT_FAILED',
      `this folder or its ${RUN_FILE} has gone in mid-run; bring it back, then go on with --resume`,
      { cause, input: folder },
    );
  });
}

/**
 * Makes the folder ready. Returns the state to go on from, null for a fresh start.
 * Throws OUTPUT_EXISTS (not empty, or another run's), OUTPUT_INVALID, OUTPUT_FAILED.
 */
export async function prepareFolder(
  folder: string,
  existing: Existing,
  identity: RunIdentity,
): Promise<RunState | null> {
  const present = await entries(folder);
  if (existing === 'overwrite') {
    for (const name of [...FOLDERS, RUN_FILE, `${RUN_FILE}${TEMPORARY}`, FAILURES_FILE]) {
      await rm(path.join(folder, name), { recursive: true, force: true });
    }
  } else if (existing === 'refuse' && present.length > 0) {
    throw new DiptychError(
      'OUTPUT_EXISTS',
      'is not empty: --resume goes on with a run that was stopped, --overwrite starts again',
      { input: folder },
    );
  } else if (existing === 'resume') {
    const run = await readRun(folder);
    if (run !== null) {
      const different = differences(run, identity);
      if (different.length > 0) {
        throw new DiptychError(
          'OUTPUT_EXISTS',
          `holds a run with other settings (${different.join(', ')} differ): give the same, or --overwrite`,
          { input: folder },
        );
      }
      await removeLeftovers(folder, run);
      return run;
    }
    const foreign = present.filter((name) => !name.startsWith(RUN_FILE) && name !== FAILURES_FILE);
    if (foreign.length > 0) {
      throw new DiptychError('OUTPUT_EXISTS', `has no ${RUN_FILE} but is not empty: choose another --out`, {
        input: folder,
      });
    }
  }
  try {
    await makeFolder(folder);
    await writeFile(path.join(folder, FAILURES_FILE), '');
  } catch (cause) {
    throw outputError(cause, folder);
  }
  return null;
}
