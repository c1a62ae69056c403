import { copyFile, link, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { DiptychError, systemCode, throwIfAborted, toDiptychError } from '../errors.js';
import { makeFolder } from '../folders.js';
import { outputError, TEMPORARY, writeFileAtomic } from '../output/atomic.js';
import { FAILURES_FILE, RUN_FILE } from '../output/layout.js';
import { readNpyHeader } from '../output/npy.js';
import { readRun, writeRun, type DonePart, type RunIdentity, type RunState } from '../output/run-file.js';
import { lockOutput, prepareFolder } from './output-folder.js';

export interface MergeOptions {
  readonly folder: string;
  readonly overwrite: boolean;
  readonly signal: AbortSignal;
  /** Told after every part. */
  readonly onPart?: (done: number, total: number) => void;
}

type Run = RunIdentity & RunState;

interface Shard {
  readonly folder: string;
  readonly run: Run;
  /** I and N of --shard I/N; null for a run that had all of its inputs. */
  readonly share: { readonly index: number; readonly of: number } | null;
}

const invalid = (input: string, message: string): DiptychError =>
  new DiptychError('OUTPUT_INVALID', message, { input });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function shareOf(run: Run): Shard['share'] {
  const options = run['options'];
  const text = isObject(options) ? options['shard'] : null;
  const match = typeof text === 'string' ? /^(\d+)\/(\d+)$/.exec(text) : null;
  return match === null ? null : { index: Number(match[1]), of: Number(match[2]) };
}

async function openShard(folder: string): Promise<Shard> {
  const run = await readRun(folder);
  if (run === null) throw invalid(folder, `has no ${RUN_FILE}: it is no folder of diptych embed`);
  if (run.status !== 'complete') {
    throw invalid(folder, `is not complete (${run.status}); run it again with --resume first`);
  }
  return { folder, run, share: shareOf(run) };
}

/** The options that all must have in common; runs that are no shares may have inputs of their own. */
function comparable({ run, share }: Shard): Readonly<Record<string, unknown>> {
  const options = isObject(run['options']) ? run['options'] : {};
  const own = share === null ? ['shard', 'inputs'] : ['shard'];
  const common = Object.entries(options).filter(([name]) => !own.includes(name));
  return { model: run['model'], dim: run.dim, ...Object.fromEntries(common) };
}

/** That the shards belong together and none is missing or there twice. Throws OUTPUT_INVALID naming what is wrong. */
function checkTogether(shards: readonly Shard[]): void {
  const [first] = shards;
  if (first === undefined) return;
  const expected = comparable(first);
  for (const shard of shards) {
    const own = comparable(shard);
    // A share in which every input failed has no dimension.
    const keys = Object.keys(expected).filter((key) => key !== 'dim' || own[key] !== null);
    const different = keys.filter((key) => JSON.stringify(own[key]) !== JSON.stringify(expected[key]));
    if (
      different.length > 0 &&
      !(different.length === 1 && expected['dim'] === null && different[0] === 'dim')
    ) {
      throw invalid(
        shard.folder,
        `differs from ${first.folder} in ${different.join(', ')}: they are no one run`,
      );
    }
  }
  const shares = shards.flatMap(({ share }) => (share === null ? [] : [share]));
  if (shares.length === 0) return;
  const of = shares[0]?.of ?? 0;
  const odd = shards.find(({ share }) => share?.of !== of);
  if (odd !== undefined) {
    throw invalid(
      odd.folder,
      `is ${odd.share === null ? 'no share' : `one of ${String(odd.share.of)}`}, the others are of ${String(of)}`,
    );
  }
  const seen = new Map<number, string>();
  for (const { folder, share } of shards) {
    const before = seen.get(share?.index ?? 0);
    if (before !== undefined)
      throw invalid(folder, `is the same share as ${before} (${String(share?.index)}/${String(of)})`);
    seen.set(share?.index ?? 0, folder);
  }
  const missing = Array.from({ length: of }, (_, index) => index).filter((index) => !seen.has(index));
  if (missing.length > 0) {
    const names = missing.slice(0, 10).map((index) => `${String(index)}/${String(of)}`);
    const more = missing.length > names.length ? ` and ${String(missing.length - names.length)} more` : '';
    throw invalid(first.folder, `shares are missing: ${names.join(', ')}${more}`);
  }
}

/** That a file of a part is whole and has the rows that run.json tells. Throws OUTPUT_INVALID. */
async function checkFile(file: string, rows: number): Promise<void> {
  let found: number;
  if (file.endsWith('.npy')) {
    const { shape, type, offset } = await readNpyHeader(file);
    const numbers = shape.reduce((product, axis) => product * axis, 1);
    const { size } = await stat(file);
    if (size !== offset + numbers * Number(type.slice(2)))
      throw invalid(file, 'is not as long as its header says');
    found = shape[0] ?? 0;
  } else if (file.endsWith('.parquet')) {
    found = Number((await parquetMetadataAsync(await asyncBufferFromFile(file))).num_rows);
  } else {
    const text = await readFile(file);
    found = 0;
    for (let at = text.indexOf(10); at !== -1; at = text.indexOf(10, at + 1)) found++;
  }
  if (found !== rows)
    throw invalid(file, `has ${String(found)} rows where ${RUN_FILE} tells of ${String(rows)}`);
}

/** Another name for a file, whole or not at all; a copy where the file system has no links or is another. */
async function place(from: string, to: string): Promise<void> {
  const temporary = `${to}${TEMPORARY}`;
  try {
    await makeFolder(path.dirname(to));
    await rm(temporary, { force: true });
    await link(from, temporary).catch(async (error: unknown) => {
      if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK', 'ENOSYS'].includes(systemCode(error) ?? '')) throw error;
      await copyFile(from, temporary);
    });
    await rename(temporary, to);
  } catch (cause) {
    throw outputError(cause, to);
  }
}

async function failuresOf({ folder, run }: Shard): Promise<string> {
  const file = path.join(folder, FAILURES_FILE);
  const text = await readFile(file).catch((cause: unknown) => {
    throw toDiptychError(cause, 'OUTPUT_INVALID', file);
  });
  const lines = text.subarray(0, run.failuresBytes).toString();
  const count = lines.split('\n').length - 1;
  if (count !== run.counts.failed) {
    throw invalid(
      file,
      `has ${String(count)} lines where ${RUN_FILE} tells of ${String(run.counts.failed)} failures`,
    );
  }
  return lines;
}

const renumbered = (file: string, part: number): string =>
  file.replace(/_\d+(\.[a-z]+)$/, (_, ending: string) => `_${String(part)}${ending}`);

function joinedState(shards: readonly Shard[], parts: readonly DonePart[], failuresBytes: number): RunState {
  const runs = shards.map(({ run }) => run);
  const count = (key: 'inputs' | 'rows' | 'failed' | 'notices'): number =>
    runs.reduce((sum, { counts }) => sum + counts[key], 0);
  const seconds: Record<string, number> = {};
  for (const run of runs) {
    for (const [stage, value] of Object.entries(run.seconds)) seconds[stage] = (seconds[stage] ?? 0) + value;
  }
  for (const [stage, value] of Object.entries(seconds)) seconds[stage] = Math.round(value * 1000) / 1000;
  const rate = (key: 'rowsPerSecond' | 'imagesPerSecond'): number =>
    Math.round(runs.reduce((sum, run) => sum + run[key], 0) * 10) / 10;
  return {
    status: 'complete',
    counts: {
      inputs: count('inputs'),
      rows: count('rows'),
      failed: count('failed'),
      notices: count('notices'),
    },
    dim: runs.find(({ dim }) => dim !== null)?.dim ?? null,
    seconds,
    encoder: {},
    rowsPerSecond: rate('rowsPerSecond'),
    imagesPerSecond: rate('imagesPerSecond'),
    failuresBytes,
    parts,
  };
}

/**
 * Joins the folders of `embed --shard I/N` (or of runs over different inputs) into one: every part checked against its
 * run.json, then linked (copied across file systems) under a new number, shard after shard; failures joined. Nothing is
 * written before all is checked. Throws OUTPUT_INVALID naming the shard that is missing, twice there, not complete, of
 * another run, or damaged, and OUTPUT_BUSY.
 */
export async function mergeRuns(folders: readonly string[], options: MergeOptions): Promise<RunState> {
  const { folder, overwrite, signal } = options;
  const opened: Shard[] = [];
  for (const shard of folders) opened.push(await openShard(shard));
  checkTogether(opened);
  const shards = opened.sort((a, b) => (a.share?.index ?? 0) - (b.share?.index ?? 0));
  const failures: string[] = [];
  for (const shard of shards) {
    failures.push(await failuresOf(shard));
    for (const { files, rows } of shard.run.parts) {
      throwIfAborted(signal);
      for (const file of files) await checkFile(path.join(shard.folder, file), rows);
    }
  }
  const first = shards[0];
  if (first === undefined)
    throw new DiptychError('BAD_OPTION', 'expected folders to merge', { input: 'merge' });
  const { model, options: given } = first.run;
  const identity: RunIdentity = {
    model,
    options: { ...(isObject(given) ? given : {}), shard: null },
    merged: shards.map(({ folder: from, share }) => ({ folder: from, shard: share })),
  };
  const release = await lockOutput(folder);
  try {
    await prepareFolder(folder, overwrite ? 'overwrite' : 'refuse', identity);
    return await writeMerged(shards, failures.join(''), identity, options);
  } finally {
    release();
  }
}

/** Places the parts of all shards in the folder, then tells of them in its run.json. */
async function writeMerged(
  shards: readonly Shard[],
  failures: string,
  identity: RunIdentity,
  { folder, signal, onPart }: MergeOptions,
): Promise<RunState> {
  const total = shards.reduce((sum, { run }) => sum + run.parts.length, 0);
  const parts: DonePart[] = [];
  for (const { folder: from, run } of shards) {
    for (const part of run.parts) {
      throwIfAborted(signal);
      const number = parts.length;
      const files = part.files.map((file) => renumbered(file, number));
      for (const [at, file] of files.entries()) {
        await place(path.join(from, part.files[at] ?? ''), path.join(folder, file));
      }
      parts.push({ ...part, part: number, files });
      onPart?.(parts.length, total);
    }
  }
  await writeFileAtomic(path.join(folder, FAILURES_FILE), failures);
  const state = joinedState(shards, parts, Buffer.byteLength(failures));
  const given = shards[0]?.run['versions'];
  const versions = isObject(given) ? given : {};
  await writeRun(
    folder,
    identity,
    Object.fromEntries(Object.entries(versions).map(([name, version]) => [name, String(version)])),
    state,
  );
  return state;
}
